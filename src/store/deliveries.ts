import { type Kysely, type Selectable, sql, type Transaction } from 'kysely';
import { CallwireError } from '../errors.ts';
import { type EventId, newId } from '../ids.ts';
import { DEFAULT_ENDPOINT_ID } from './default_endpoint.ts';
import type { DeliveryKind } from './job_record.ts';
import { insertJob } from './new_jobs.ts';
import { BLOCKED } from './ordered_deliveries.ts';
import type { JobTable, Tables } from './schema.ts';
import type { DeliveryRecord, DeliveryStore } from './store.ts';

/** Written into the statements: a delivery is most of what waits, and no index is kept for it. */
const IS_DELIVERY = sql<boolean>`jobs.kind in ('webhook', 'crm_write', 'end_hook')`;

/** Newest first. */
export async function listDeliveries(
  db: Kysely<Tables>,
  query: Parameters<DeliveryStore['listDeliveries']>[0],
): Promise<DeliveryRecord[]> {
  let select = withEventTypes(db).orderBy('jobs.position', 'desc').limit(query.limit);
  if (query.callId !== undefined) select = select.where('jobs.call_id', '=', query.callId);
  if (query.endpointId !== undefined) select = select.where(isTargetOf(query.endpointId));
  // Written into the statement: a bound state would keep SQLite from using `jobs_exhausted`.
  if (query.state !== undefined) select = select.where('jobs.state', '=', sql.lit(query.state));
  if (query.before !== undefined) {
    const { before } = query;
    select = select.where('jobs.position', '<', (columns) =>
      columns.selectFrom('jobs as last').select('last.position').where('last.id', '=', before),
    );
  }
  return (await select.execute()).map(deliveryFromRow);
}

export async function getDelivery(db: Kysely<Tables>, id: string): Promise<DeliveryRecord | null> {
  const row = await withEventTypes(db).where('jobs.id', '=', id).executeTakeFirst();
  return row === undefined ? null : deliveryFromRow(row);
}

/** Counting 2,000,000 would stop the store's thread for 0.8 s at every scrape of the metrics. */
const MOST_COUNTED = 100_000;

export async function deliveryBacklog(
  db: Kysely<Tables>,
): Promise<{ waiting: number; oldestAt: number | null }> {
  const { rows } = await sql<{ waiting: number; oldestAt: number | null }>`
    select
      (
        select count(*) from (
          select 1 from jobs indexed by jobs_waiting
            where state = 'waiting' and ${IS_DELIVERY} limit ${MOST_COUNTED}
        )
      ) as waiting,
      (
        select created_at from jobs indexed by jobs_waiting
          where state = 'waiting' and ${IS_DELIVERY} order by created_at limit 1
      ) as "oldestAt"
  `.execute(db);
  return rows[0] ?? { waiting: 0, oldestAt: null };
}

function withEventTypes(db: Kysely<Tables>) {
  return db
    .selectFrom('jobs')
    .leftJoin('events', 'events.id', 'jobs.event_id')
    .selectAll('jobs')
    .select('events.type as event_type')
    .where(IS_DELIVERY);
}

function deliveryFromRow(
  row: Selectable<JobTable> & { event_type: string | null },
): DeliveryRecord {
  return {
    id: row.id,
    kind: row.kind as DeliveryKind,
    target: row.target,
    state: row.state,
    callId: row.call_id,
    eventId: row.event_id as EventId | null,
    eventType: row.event_type,
    attempts: row.attempts,
    nextAt: row.state === 'waiting' && row.next_at < BLOCKED ? row.next_at : null,
    lastStatus: row.last_status,
    lastError: row.last_error,
    createdAt: row.created_at,
  };
}

/** One transaction must not hold up the appends of running calls for long. */
export const MAX_REPLAYED = 10_000;

/**
 * Makes a new job of each settled one that is asked for, oldest first, `MAX_REPLAYED` at most.
 * Each is replayed from its last delivery only: asked twice, nothing is sent twice as long as the
 * first replay is still on its way. Without `onlyFailed` and without a delivery's id, CRM writes
 * are left out: a CRM that cannot dedupe would show them twice. What went to an endpoint that was
 * deleted is left out, and what was redacted.
 *
 * @throws `EVENT_REDACTED` where a delivery or a call was named and nothing is left to replay because
 * its bodies were deleted.
 */
export async function replayDeliveries(
  trx: Transaction<Tables>,
  query: Parameters<DeliveryStore['replayDeliveries']>[0],
  now: number,
): Promise<string[]> {
  let select = trx
    .selectFrom('jobs')
    .leftJoin('calls', 'calls.id', 'jobs.call_id')
    .selectAll('jobs')
    .where('jobs.replayed_by', 'is', null)
    .where('jobs.state', '<>', 'waiting')
    .where(IS_DELIVERY)
    .where(
      sql<boolean>`(jobs.kind <> 'webhook' or jobs.target = ${DEFAULT_ENDPOINT_ID}
        or jobs.target like ${`${DEFAULT_ENDPOINT_ID}:%`}
        or exists (select 1 from endpoints where endpoints.id = jobs.target))`,
    )
    .orderBy('jobs.position')
    .limit(MAX_REPLAYED);
  if (query.deliveryId !== undefined) select = select.where('jobs.id', '=', query.deliveryId);
  if (query.callId !== undefined) select = select.where('jobs.call_id', '=', query.callId);
  if (query.endpointId !== undefined) select = select.where(isTargetOf(query.endpointId));
  if (query.since !== undefined) select = select.where('jobs.created_at', '>=', query.since);
  if (query.onlyFailed === true) {
    select = select.where('jobs.state', '=', sql.lit('exhausted' as const));
  } else if (query.deliveryId === undefined) select = select.where('jobs.kind', '=', 'webhook');

  const replayed: string[] = [];
  for (const job of await select.where('calls.redacted_at', 'is', null).execute()) {
    const id = newId(job.kind === 'webhook' ? 'dlv' : 'job', now);
    const { kind, target, call_id, event_id, body, sequence } = job;
    const again = { id, kind, target, call_id, event_id, body, sequence };
    // Where its endpoint is ordered, the claim finds out who goes first.
    await insertJob(trx, { ...again, ordered: false }, now);
    await trx
      .updateTable('jobs')
      .set({ replayed_by: id })
      .where('position', '=', job.position)
      .execute();
    replayed.push(id);
  }
  const named = query.deliveryId !== undefined || query.callId !== undefined;
  if (replayed.length === 0 && named) {
    const redacted = await select
      .where('calls.redacted_at', 'is not', null)
      .limit(1)
      .executeTakeFirst();
    if (redacted !== undefined) {
      throw new CallwireError('EVENT_REDACTED', 'The bodies of these events have been deleted.', {
        remedy: 'Nothing can send them again; their types and times are still in the record.',
      });
    }
  }
  return replayed;
}

/** The endpoint of the environment may have a target for each of its paths: `whe_default:call`. */
function isTargetOf(endpointId: string) {
  if (endpointId !== DEFAULT_ENDPOINT_ID) return sql<boolean>`jobs.target = ${endpointId}`;
  const paths = [`${endpointId}:`, `${endpointId};`];
  return sql<boolean>`(jobs.target = ${endpointId}
    or (jobs.target >= ${paths[0]} and jobs.target < ${paths[1]}))`;
}
