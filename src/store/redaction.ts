import type { Kysely, Transaction } from 'kysely';
import type { EventId } from '../ids.ts';
import type { EventComposer } from './event_composer.ts';
import { giveUpCall } from './given_up.ts';
import { deleteRecordingSoon } from './recordings.ts';
import type { Tables } from './schema.ts';

/** See `RetentionStore.redactCall`. A second time it changes nothing, and is true again. */
export async function redactCall(
  trx: Transaction<Tables>,
  callId: string,
  composer: EventComposer,
  now: number,
): Promise<boolean> {
  const call = await trx
    .selectFrom('calls')
    .select(['state', 'redacted_at'])
    .where('id', '=', callId)
    .executeTakeFirst();
  if (call === undefined || call.state !== 'ended') return false;
  if (call.redacted_at !== null) return true;

  await giveUpCall(trx, callId);
  await deleteRecordingSoon(trx, callId, now);
  const events = await trx
    .selectFrom('events')
    .select(['id', 'sequence', 'type', 'time'])
    .where('call_id', '=', callId)
    .execute();
  for (const event of events) {
    const body = composer.redact({ ...event, id: event.id as EventId, callId });
    await trx.updateTable('events').set({ body }).where('id', '=', event.id).execute();
  }
  await trx.updateTable('facts').set({ data: '{}' }).where('call_id', '=', callId).execute();
  await trx
    .updateTable('attempts')
    .set({ response: null })
    .where('job_id', 'in', jobsOf(trx, callId))
    .execute();
  await trx.updateTable('jobs').set({ body: '{}' }).where('call_id', '=', callId).execute();
  await trx
    .updateTable('calls')
    .set({
      from_number: null,
      to_number: '',
      room: '',
      metadata: '{}',
      contact_id: null,
      contact_name: null,
      variables: null,
      consent_record_id: null,
      redacted_at: now,
    })
    .where('id', '=', callId)
    .execute();
  return true;
}

function jobsOf(db: Kysely<Tables>, callId: string) {
  return db.selectFrom('jobs').select('id').where('call_id', '=', callId);
}
