import { type Kysely, type Selectable, sql, type Transaction, type Updateable } from 'kysely';
import type { EndpointRecord, EndpointStore, Sealed, SignatureFamily } from './endpoint_store.ts';
import { GIVEN_UP_AT_A_TIME, giveUpTarget } from './given_up.ts';
import type { EndpointTable, Tables } from './schema.ts';

export async function createEndpoint(
  trx: Transaction<Tables>,
  endpoint: EndpointRecord,
): Promise<void> {
  await trx
    .insertInto('endpoints')
    .values({
      id: endpoint.id,
      name: endpoint.name,
      url: endpoint.url,
      ordered: endpoint.ordered ? 1 : 0,
      signatures: JSON.stringify(endpoint.signatures),
      status: endpoint.status,
      disabled_reason: endpoint.disabledReason,
      secret: endpoint.secret,
      previous_secret: endpoint.previousSecret,
      previous_until: endpoint.previousUntil,
      failing_since: endpoint.failingSince,
      last_success_at: endpoint.lastSuccessAt,
      created_at: Math.round(endpoint.createdAt),
    })
    .execute();
}

export async function getEndpoint(db: Kysely<Tables>, id: string): Promise<EndpointRecord | null> {
  const row = await db.selectFrom('endpoints').selectAll().where('id', '=', id).executeTakeFirst();
  return row === undefined ? null : endpointFromRow(row);
}

/** Newest first. */
export async function listEndpoints(
  db: Kysely<Tables>,
  query: Parameters<EndpointStore['listEndpoints']>[0],
): Promise<EndpointRecord[]> {
  let select = db.selectFrom('endpoints').selectAll().orderBy('id', 'desc').limit(query.limit);
  if (query.before !== undefined) select = select.where('id', '<', query.before);
  return (await select.execute()).map(endpointFromRow);
}

export async function updateEndpoint(
  trx: Transaction<Tables>,
  id: string,
  patch: Parameters<EndpointStore['updateEndpoint']>[1],
  now: number,
): Promise<EndpointRecord | null> {
  const before = await getEndpoint(trx, id);
  if (before === null) return null;
  const set: Updateable<EndpointTable> = {};
  if (patch.name !== undefined) set.name = patch.name;
  if (patch.ordered !== undefined) set.ordered = patch.ordered ? 1 : 0;
  if (patch.signatures !== undefined) set.signatures = JSON.stringify(patch.signatures);
  if (patch.url !== undefined) {
    set.url = patch.url;
    if (patch.url !== before.url) set.failing_since = null;
  }
  if (patch.status !== undefined) {
    set.status = patch.status;
    // Paused by the user is no longer disabled by us.
    if (patch.status !== 'disabled') set.disabled_reason = null;
    if (patch.status === 'active') set.failing_since = null;
  }
  if (Object.keys(set).length === 0) return before;
  await trx.updateTable('endpoints').set(set).where('id', '=', id).execute();
  if (patch.status === 'active' && before.status !== 'active') await letGo(trx, id, now);
  return await getEndpoint(trx, id);
}

/** What was claimed as its endpoint was paused has been put off for a moment, and is due now. */
async function letGo(trx: Transaction<Tables>, target: string, now: number): Promise<void> {
  await trx
    .updateTable('jobs')
    .set({ next_at: now })
    .where('target', '=', target)
    .where('state', '=', sql.lit('waiting' as const))
    .where('claim_id', 'is', null)
    .where('next_at', '>', now)
    .where('next_at', '<=', now + PUT_OFF_AT_MOST_MS)
    .execute();
}

/** Longer than any hold of a delivery; a retry that is due by then may come now as well. */
const PUT_OFF_AT_MOST_MS = 60_000;

/** See `given_up.ts` for what waits for it. */
export async function deleteEndpoint(trx: Transaction<Tables>, id: string): Promise<boolean> {
  await trx.deleteFrom('triggers').where('endpoint_id', '=', id).execute();
  const { numDeletedRows } = await trx
    .deleteFrom('endpoints')
    .where('id', '=', id)
    .executeTakeFirst();
  if (numDeletedRows === 0n) return false;
  await giveUpTarget(trx, id, GIVEN_UP_AT_A_TIME);
  return true;
}

export async function rotateEndpointSecret(
  trx: Transaction<Tables>,
  id: string,
  next: { secret: Sealed; previousUntil: number },
): Promise<EndpointRecord | null> {
  await trx
    .updateTable('endpoints')
    .set(({ ref }) => ({
      previous_secret: ref('secret'),
      previous_until: Math.round(next.previousUntil),
      secret: next.secret,
    }))
    .where('id', '=', id)
    .execute();
  return await getEndpoint(trx, id);
}

/** How many texts were replaced; those without a replacement stay. */
export async function resealSecrets(
  trx: Transaction<Tables>,
  replacements: Readonly<Record<Sealed, Sealed>>,
): Promise<number> {
  let replaced = 0;
  for (const [sealed, next] of Object.entries(replacements)) {
    for (const column of ['secret', 'previous_secret'] as const) {
      const { numUpdatedRows } = await trx
        .updateTable('endpoints')
        .set({ [column]: next })
        .where(column, '=', sealed)
        .executeTakeFirst();
      replaced += Number(numUpdatedRows);
    }
  }
  return replaced;
}

function endpointFromRow(row: Selectable<EndpointTable>): EndpointRecord {
  return {
    id: row.id,
    name: row.name,
    url: row.url,
    ordered: row.ordered === 1,
    signatures: JSON.parse(row.signatures) as SignatureFamily[],
    status: row.status,
    disabledReason: row.disabled_reason,
    secret: row.secret,
    previousSecret: row.previous_secret,
    previousUntil: row.previous_until,
    failingSince: row.failing_since,
    lastSuccessAt: row.last_success_at,
    createdAt: row.created_at,
  };
}
