import type { Transaction } from 'kysely';
import { newId } from '../ids.ts';
import { type AppendOptions, appendBatch } from './append.ts';
import type { Tables } from './schema.ts';

/** Appends a `webhook.test` for this endpoint alone. Returns its delivery's id. */
export async function testEndpoint(
  trx: Transaction<Tables>,
  endpointId: string,
  options: AppendOptions,
): Promise<string | null> {
  const now = options.clock();
  const id = newId('evt', now);
  const data = { endpoint_id: endpointId };
  const event = { id, type: 'webhook.test', time: now, data };
  const known = await trx
    .selectFrom('endpoints')
    .select('id')
    .where('id', '=', endpointId)
    .executeTakeFirst();
  if (known === undefined) return null;
  await appendBatch(trx, [{ callId: null, events: [event] }], options);
  const delivery = await trx
    .selectFrom('jobs')
    .select('id')
    .where('event_id', '=', id)
    .executeTakeFirstOrThrow();
  return delivery.id;
}
