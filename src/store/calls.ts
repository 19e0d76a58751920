import { type Kysely, sql } from 'kysely';
import { idFloor } from '../ids.ts';
import { OWN_PROVIDER } from './call_derivation.ts';
import { callFromRow } from './call_row.ts';
import { prepared } from './prepared.ts';
import type { Tables } from './schema.ts';
import type { CallRecord, CallStore } from './store.ts';

export async function getCall(db: Kysely<Tables>, callId: string): Promise<CallRecord | null> {
  const { rows } = await callById(db, { callId });
  return rows[0] === undefined ? null : callFromRow(rows[0]);
}

const callById = prepared((db, { callId }: { callId: string }) =>
  db.selectFrom('calls').selectAll().where('id', '=', callId),
);

export async function listCalls(
  db: Kysely<Tables>,
  query: Parameters<CallStore['listCalls']>[0],
): Promise<CallRecord[]> {
  let select = db.selectFrom('calls').selectAll().orderBy('id', 'desc').limit(query.limit);
  if (query.before !== undefined) select = select.where('id', '<', query.before);
  // Ids sort by time.
  if (query.since !== undefined) select = select.where('id', '>=', idFloor('call', query.since));
  if (query.dialledTo !== undefined) {
    select = select
      .where('to_number', '=', query.dialledTo)
      // Written into the statement: bound, it would keep SQLite from using `calls_dialled_to`.
      .where('direction', '=', sql.lit('outbound' as const));
  }
  return (await select.execute()).map(callFromRow);
}

/** The name of a room has no index: ids sort by time, and what was since is one short range of them. */
export async function callsOfRoom(
  db: Kysely<Tables>,
  room: string,
  since: number,
): Promise<CallRecord[]> {
  const rows = await db
    .selectFrom('calls')
    .selectAll()
    .where('id', '>=', idFloor('call', since))
    .where('room', '=', room)
    .orderBy('id', 'desc')
    .execute();
  return rows.map(callFromRow);
}

/**
 * Anonymous callers are not one caller: `null` counts nothing. What the index is for is written into the
 * statement: bound as parameters, SQLite could not use it.
 */
export async function countLiveCalls(db: Kysely<Tables>, from: string | null): Promise<number> {
  if (from === null) return 0;
  const { count } = await db
    .selectFrom('calls')
    .select((columns) => columns.fn.countAll<number>().as('count'))
    .where('from_number', '=', from)
    .where('state', '<>', sql.lit('ended' as const))
    .where('provider', '=', sql.lit(OWN_PROVIDER))
    .executeTakeFirstOrThrow();
  return count;
}
