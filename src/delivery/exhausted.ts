import { draftEvent } from '../events/catalogue.ts';
import { derivedId } from '../ids.ts';
import type { Append, AttemptRecord, ClaimedJob } from '../store/store.ts';

/** What the ledger learns where the last attempt to deliver an event has failed. */
export function exhausted(
  job: ClaimedJob,
  delivery: {
    endpointId: string;
    event: { id: string; type: string };
    /** The last one. */
    attempt: Pick<AttemptRecord, 'status' | 'error'>;
    time: number;
  },
): Append {
  const { endpointId, event, attempt, time } = delivery;
  const type = 'delivery.exhausted';
  const draft = draftEvent(
    type,
    {
      endpoint_id: endpointId,
      delivery_id: job.id,
      event_id: event.id,
      event_type: event.type,
      attempts: job.attempt,
      last_status: attempt.status,
      last_error: attempt.error,
    },
    // Of the job, not new: a settlement that is repeated after a crash says it once.
    { id: derivedId('evt', job.createdAt, `${job.id} ${type}`), time },
  );
  return { callId: null, events: [draft] };
}
