import type { Kysely } from 'kysely';
import { callFromRow } from './call_row.ts';
import type { Tables } from './schema.ts';
import type { CallRecord } from './store.ts';

export async function getCall(db: Kysely<Tables>, callId: string): Promise<CallRecord | null> {
  const row = await db.selectFrom('calls').selectAll().where('id', '=', callId).executeTakeFirst();
  return row === undefined ? null : callFromRow(row);
}

/** Newest first; `before` is the id of the last call of the page before. */
export async function listCalls(
  db: Kysely<Tables>,
  query: { limit: number; before?: string },
): Promise<CallRecord[]> {
  let select = db.selectFrom('calls').selectAll().orderBy('id', 'desc').limit(query.limit);
  if (query.before !== undefined) select = select.where('id', '<', query.before);
  return (await select.execute()).map(callFromRow);
}

/** Anonymous callers are not one caller: `null` counts nothing. */
export async function countLiveCalls(db: Kysely<Tables>, from: string | null): Promise<number> {
  if (from === null) return 0;
  const { count } = await db
    .selectFrom('calls')
    .select((columns) => columns.fn.countAll<number>().as('count'))
    .where('from_number', '=', from)
    .where('state', '<>', 'ended')
    .executeTakeFirstOrThrow();
  return count;
}
