import { sql, type Transaction } from 'kysely';
import { inJsonList } from './json_list.ts';
import { prepared } from './prepared.ts';
import type { Tables } from './schema.ts';
import type { CallOpening, FactDraft } from './store.ts';

/** What a platform calls one of its calls, as one word. */
export function reportedKey({ provider, callId }: NonNullable<CallOpening['reportedBy']>): string {
  return `${provider} ${callId}`;
}

/** Of the calls that these report those that are known, by `reportedKey`. */
export async function reportedCallIds(
  trx: Transaction<Tables>,
  reports: readonly CallOpening[],
): Promise<Map<string, string>> {
  const byProvider = new Map<string, Set<string>>();
  for (const { reportedBy } of reports) {
    if (!reportedBy) continue;
    const ids = byProvider.get(reportedBy.provider) ?? new Set();
    byProvider.set(reportedBy.provider, ids.add(reportedBy.callId));
  }
  const known = new Map<string, string>();
  for (const [provider, callIds] of byProvider) {
    const { rows } = await callsOfProvider(trx, { provider, ids: JSON.stringify([...callIds]) });
    for (const { id, callId } of rows) known.set(reportedKey({ provider, callId }), id);
  }
  return known;
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
    .select(['id', 'provider_call_id as callId'])
    .where('provider', '=', provider)
    .where('provider_call_id', 'in', inJsonList<string>(ids))
    .where('provider_call_id', 'is not', null)
    .$narrowType<{ callId: string }>(),
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
