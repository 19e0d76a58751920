import type { Kysely, Selectable, Transaction } from 'kysely';
import type { RecordingRecord } from './recording_store.ts';
import type { RecordingTable, Tables } from './schema.ts';

/** In the append that says so. A repeated one changes nothing. */
export async function insertRecording(
  trx: Transaction<Tables>,
  recording: RecordingRecord,
): Promise<void> {
  await trx
    .insertInto('recordings')
    .values({
      call_id: recording.callId,
      state: recording.state,
      location: recording.location,
      content_type: recording.contentType,
      bytes: recording.bytes,
      duration_ms: Math.round(recording.durationMs),
      started_at: Math.round(recording.startedAt),
      delete_after: recording.deleteAfter === null ? null : Math.round(recording.deleteAfter),
      created_at: Math.round(recording.createdAt),
    })
    .onConflict((conflict) => conflict.column('call_id').doNothing())
    .execute();
}

export async function getRecording(
  db: Kysely<Tables>,
  callId: string,
): Promise<RecordingRecord | null> {
  const row = await db
    .selectFrom('recordings')
    .selectAll()
    .where('call_id', '=', callId)
    .executeTakeFirst();
  return row === undefined ? null : fromRow(row);
}

export async function recordingsToDelete(
  db: Kysely<Tables>,
  query: { now: number; limit: number },
): Promise<RecordingRecord[]> {
  const rows = await db
    .selectFrom('recordings')
    .selectAll()
    .where('state', '=', 'stored')
    .where('delete_after', '<=', query.now)
    .orderBy('delete_after')
    .limit(query.limit)
    .execute();
  return rows.map(fromRow);
}

/** Its call is redacted, or too old: whoever deletes recordings finds it at the next look. */
export async function deleteRecordingSoon(
  trx: Transaction<Tables>,
  callId: string,
  now: number,
): Promise<void> {
  await trx
    .updateTable('recordings')
    .set({ delete_after: now })
    .where('call_id', '=', callId)
    .where(({ eb, or }) => or([eb('delete_after', 'is', null), eb('delete_after', '>', now)]))
    .execute();
}

export async function recordingDeleted(trx: Transaction<Tables>, callId: string): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('recordings')
    .set({ state: 'deleted' })
    .where('call_id', '=', callId)
    .where('state', '=', 'stored')
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

function fromRow(row: Selectable<RecordingTable>): RecordingRecord {
  return {
    callId: row.call_id,
    state: row.state,
    location: row.location,
    contentType: row.content_type,
    bytes: row.bytes,
    durationMs: row.duration_ms,
    startedAt: row.started_at,
    deleteAfter: row.delete_after,
    createdAt: row.created_at,
  };
}
