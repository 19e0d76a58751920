import { z } from 'zod';
import { derivedId, type EventId, idTime } from '../ids.ts';
import type { CallRecord, JobDraft } from '../store/store.ts';

/**
 * What is left to do of every call when it has ended, however it ended: find out what came of it and
 * say so in `call.completed` (`src/analysis/completion_handler.ts`). Made inside the append of
 * `call.ended`, so there is no end without it.
 *
 * @param options `dueAt`: not before then, milliseconds. `again`: a second one, for what has come
 * meanwhile; whichever is done first writes the event.
 */
export function completionJob(
  call: CallRecord,
  { dueAt, again = false }: { dueAt?: number; again?: boolean } = {},
): JobDraft {
  const body: CompletionBody = { eventId: completedEventId(call) };
  return {
    id: derivedId('job', beginning(call), `${call.id} completion${again ? ' again' : ''}`),
    kind: 'completion',
    target: 'extraction',
    body,
    ...(dueAt !== undefined && { dueAt }),
  };
}

/** The id of a call's one `call.completed`: whoever writes it, and however often, it is one event. */
export function completedEventId(call: CallRecord): EventId {
  const { id, createdAt, endedAt, providerCallId } = call;
  const time = providerCallId === null ? (endedAt ?? createdAt) : beginning(call);
  return derivedId('evt', time, `${id} call.completed`);
}

/** Of a call that another platform runs its times may still change: what is certain is in its id. */
function beginning({ id, createdAt, providerCallId }: CallRecord): number {
  return providerCallId === null ? createdAt : idTime(id);
}

export const completionBody = z.object({
  eventId: z.custom<EventId>((id) => typeof id === 'string' && id.startsWith('evt_')),
});
export type CompletionBody = z.infer<typeof completionBody>;
