import { type Selectable, sql, type Transaction } from 'kysely';
import { inJsonList } from './json_list.ts';
import { prepared } from './prepared.ts';
import type { CallTable, Tables } from './schema.ts';
import type { Append, CallOpening, FactDraft } from './store.ts';

/** What a platform calls one of its calls, as one word. */
export function reportedKey({ provider, callId }: NonNullable<CallOpening['reportedBy']>): string {
  return `${provider} ${callId}`;
}

/** The calls that the batch reports, those of them that are known. */
export async function reportedCalls(
  trx: Transaction<Tables>,
  batch: readonly Append[],
): Promise<Selectable<CallTable>[]> {
  const byProvider = new Map<string, Set<string>>();
  for (const { open } of batch) {
    if (!open?.reportedBy) continue;
    const { provider, callId } = open.reportedBy;
    const ids = byProvider.get(provider) ?? new Set();
    byProvider.set(provider, ids.add(callId));
  }
  const rows: Selectable<CallTable>[] = [];
  for (const [provider, callIds] of byProvider) {
    const known = await callsOfProvider(trx, { provider, ids: JSON.stringify([...callIds]) });
    rows.push(...known.rows);
  }
  return rows;
}

/** What has been told of a call, in the order in which it was. */
export async function reportFacts(trx: Transaction<Tables>, callId: string): Promise<FactDraft[]> {
  const { rows } = await reports(trx, { callId });
  return rows.map((row) => ({ ...row, data: JSON.parse(row.data) as Record<string, unknown> }));
}

/** Which of these events are stored. */
export async function storedEventIds(
  trx: Transaction<Tables>,
  ids: readonly string[],
): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const { rows } = await storedEvents(trx, { ids: JSON.stringify(ids) });
  return new Set(rows.map(({ id }) => id));
}

const callsOfProvider = prepared((db, { provider, ids }: { provider: string; ids: string }) =>
  db
    .selectFrom('calls')
    .selectAll()
    .where('provider', '=', provider)
    .where('provider_call_id', 'in', inJsonList<string>(ids))
    .where('provider_call_id', 'is not', null),
);

const reports = prepared((db, { callId }: { callId: string }) =>
  db
    .selectFrom('facts')
    .select(['id', 'kind', 'time', 'data'])
    .where('call_id', '=', callId)
    .where('kind', '=', sql.lit('report' as const))
    .orderBy('position'),
);

const storedEvents = prepared((db, { ids }: { ids: string }) =>
  db.selectFrom('events').select('id').where('id', 'in', inJsonList<string>(ids)),
);
