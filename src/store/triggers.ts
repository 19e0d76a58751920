import type { Kysely, Selectable, Transaction } from 'kysely';
import type { EndpointStore, TriggerRecord } from './endpoint_store.ts';
import type { Tables, TriggerTable } from './schema.ts';

export async function createTrigger(
  trx: Transaction<Tables>,
  trigger: TriggerRecord,
): Promise<'created' | 'no_endpoint'> {
  const endpoint = await trx
    .selectFrom('endpoints')
    .select('id')
    .where('id', '=', trigger.endpointId)
    .executeTakeFirst();
  if (endpoint === undefined) return 'no_endpoint';
  await trx
    .insertInto('triggers')
    .values({
      id: trigger.id,
      name: trigger.name,
      event_type: trigger.eventType,
      endpoint_id: trigger.endpointId,
      conditions: trigger.conditions === null ? null : JSON.stringify(trigger.conditions),
      created_at: Math.round(trigger.createdAt),
    })
    .execute();
  return 'created';
}

export async function getTrigger(db: Kysely<Tables>, id: string): Promise<TriggerRecord | null> {
  const row = await db.selectFrom('triggers').selectAll().where('id', '=', id).executeTakeFirst();
  return row === undefined ? null : triggerFromRow(row);
}

/** Newest first. */
export async function listTriggers(
  db: Kysely<Tables>,
  query: Parameters<EndpointStore['listTriggers']>[0],
): Promise<TriggerRecord[]> {
  let select = db.selectFrom('triggers').selectAll().orderBy('id', 'desc').limit(query.limit);
  if (query.before !== undefined) select = select.where('id', '<', query.before);
  if (query.endpointId !== undefined) select = select.where('endpoint_id', '=', query.endpointId);
  return (await select.execute()).map(triggerFromRow);
}

export async function deleteTrigger(trx: Transaction<Tables>, id: string): Promise<boolean> {
  const { numDeletedRows } = await trx
    .deleteFrom('triggers')
    .where('id', '=', id)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

export function conditionsOf(text: string | null): TriggerRecord['conditions'] {
  return text === null ? null : (JSON.parse(text) as Record<string, string[]>);
}

function triggerFromRow(row: Selectable<TriggerTable>): TriggerRecord {
  return {
    id: row.id,
    name: row.name,
    eventType: row.event_type,
    endpointId: row.endpoint_id,
    conditions: conditionsOf(row.conditions),
    createdAt: row.created_at,
  };
}
