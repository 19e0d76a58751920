import type { Kysely, Selectable, Transaction } from 'kysely';
import type { SuppressionTable, Tables } from './schema.ts';
import type { SuppressionRecord } from './suppression_store.ts';

export async function isSuppressed(db: Kysely<Tables>, phone: string): Promise<boolean> {
  const row = await db
    .selectFrom('suppressions')
    .select('id')
    .where('phone', '=', phone)
    .executeTakeFirst();
  return row !== undefined;
}

export async function addSuppression(
  trx: Transaction<Tables>,
  suppression: SuppressionRecord,
): Promise<{ suppression: SuppressionRecord; created: boolean }> {
  const created = await insert(trx, suppression);
  const listed = await getSuppression(trx, suppression.phone);
  if (listed === null) throw new Error('a suppression is on the list once it has been added');
  return { suppression: listed, created };
}

export async function importSuppressions(
  trx: Transaction<Tables>,
  suppressions: readonly SuppressionRecord[],
): Promise<{ created: number; known: number }> {
  let created = 0;
  for (const suppression of suppressions) if (await insert(trx, suppression)) created++;
  return { created, known: suppressions.length - created };
}

export async function getSuppression(
  db: Kysely<Tables>,
  idOrPhone: string,
): Promise<SuppressionRecord | null> {
  const row = await db
    .selectFrom('suppressions')
    .selectAll()
    .where(column(idOrPhone), '=', idOrPhone)
    .executeTakeFirst();
  return row === undefined ? null : fromRow(row);
}

export async function listSuppressions(
  db: Kysely<Tables>,
  query: { limit: number; before?: string },
): Promise<SuppressionRecord[]> {
  let select = db.selectFrom('suppressions').selectAll().orderBy('id', 'desc').limit(query.limit);
  if (query.before !== undefined) select = select.where('id', '<', query.before);
  return (await select.execute()).map(fromRow);
}

export async function deleteSuppression(
  trx: Transaction<Tables>,
  idOrPhone: string,
): Promise<boolean> {
  const { numDeletedRows } = await trx
    .deleteFrom('suppressions')
    .where(column(idOrPhone), '=', idOrPhone)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

async function insert(trx: Transaction<Tables>, one: SuppressionRecord): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await trx
    .insertInto('suppressions')
    .values({
      id: one.id,
      phone: one.phone,
      source: one.source,
      reason: one.reason,
      call_id: one.callId,
      created_at: Math.round(one.createdAt),
    })
    .onConflict((conflict) => conflict.column('phone').doNothing())
    .executeTakeFirst();
  return (numInsertedOrUpdatedRows ?? 0n) > 0n;
}

function column(idOrPhone: string): 'id' | 'phone' {
  return idOrPhone.startsWith('+') ? 'phone' : 'id';
}

function fromRow(row: Selectable<SuppressionTable>): SuppressionRecord {
  return {
    id: row.id,
    phone: row.phone,
    source: row.source,
    reason: row.reason,
    callId: row.call_id,
    createdAt: row.created_at,
  };
}
