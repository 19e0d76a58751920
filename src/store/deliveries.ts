import { type Kysely, type Selectable, sql, type Transaction } from 'kysely';
import { CallwireError } from '../errors.ts';
import { type EventId, newId } from '../ids.ts';
import { WITH_TARGETS } from './claims.ts';
import { DEFAULT_ENDPOINT_ID } from './default_endpoint.ts';
import type { DeliveryObstacle } from './delivery_store.ts';
import type { EndpointRecord } from './endpoint_store.ts';
import type { DeliveryKind, JobState } from './job_record.ts';
import { jsonList } from './json_list.ts';
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
  return await deliveriesFromRows(db, await select.execute());
}

export async function getDelivery(db: Kysely<Tables>, id: string): Promise<DeliveryRecord | null> {
  const rows = await withEventTypes(db).where('jobs.id', '=', id).execute();
  return (await deliveriesFromRows(db, rows))[0] ?? null;
}

/** Counting 2,000,000 would stop the store's thread for 0.8 s at every scrape of the metrics. */
const MOST_COUNTED = 100_000;

export async function deliveryBacklog(
  db: Kysely<Tables>,
): Promise<{ waiting: number; oldestAt: number | null }> {
  const { rows } = await DELIVERY_BACKLOG.execute(db);
  return rows[0] ?? { waiting: 0, oldestAt: null };
}

/** The jobs of a target are all of one kind, so the first of them says whether it gets deliveries. */
export const DELIVERY_BACKLOG = sql<{ waiting: number; oldestAt: number | null }>`
  ${WITH_TARGETS}
  select
    (
      select count(*) from (
        select 1 from jobs indexed by jobs_waiting
          where state = 'waiting' and ${IS_DELIVERY} limit ${MOST_COUNTED}
      )
    ) as waiting,
    (
      select min(jobs.created_at)
        from targets
          left join endpoints on endpoints.id = targets.target
          cross join jobs on jobs.position = (
            select position from jobs indexed by jobs_waiting
              where state = 'waiting' and target = targets.target order by created_at limit 1
          )
        where coalesce(endpoints.status, 'active') = 'active' and ${IS_DELIVERY}
    ) as "oldestAt"
`;

function withEventTypes(db: Kysely<Tables>) {
  return db
    .selectFrom('jobs')
    .leftJoin('events', 'events.id', 'jobs.event_id')
    .leftJoin('endpoints', 'endpoints.id', 'jobs.target')
    .selectAll('jobs')
    .select(['events.type as event_type', 'endpoints.status as endpoint_status'])
    .where(IS_DELIVERY);
}

type DeliveryRow = Selectable<JobTable> & {
  event_type: string | null;
  endpoint_status: EndpointRecord['status'] | null;
};

async function deliveriesFromRows(
  db: Kysely<Tables>,
  rows: readonly DeliveryRow[],
): Promise<DeliveryRecord[]> {
  const replays = await lastReplays(
    db,
    rows.flatMap((row) => (row.replayed_by === null ? [] : row.id)),
  );
  return rows.map((row) => {
    const waitsFor = obstacleOf(row);
    return {
      id: row.id,
      kind: row.kind as DeliveryKind,
      target: row.target,
      state: row.state,
      callId: row.call_id,
      eventId: row.event_id as EventId | null,
      eventType: row.event_type,
      attempts: row.attempts,
      nextAt: row.state === 'waiting' && waitsFor === null ? row.next_at : null,
      waitsFor,
      lastStatus: row.last_status,
      lastError: row.last_error,
      replay: replays.get(row.id) ?? null,
      createdAt: row.created_at,
    };
  });
}

function obstacleOf(row: DeliveryRow): DeliveryObstacle | null {
  if (row.state !== 'waiting') return null;
  if (row.endpoint_status === 'paused') return 'endpoint_paused';
  if (row.endpoint_status === 'disabled') return 'endpoint_disabled';
  return row.next_at < BLOCKED ? null : 'earlier_event';
}

/** By the id of the delivery at the beginning: a replay that failed may have been replayed, too. */
async function lastReplays(
  db: Kysely<Tables>,
  ids: readonly string[],
): Promise<Map<string, { id: string; state: JobState }>> {
  if (ids.length === 0) return new Map();
  const { rows } = await sql<{ of: string; id: string; state: JobState }>`
    with recursive replays (first, id, state, replayed_by) as (
      select jobs.id, again.id, again.state, again.replayed_by
        from jobs join jobs as again on again.id = jobs.replayed_by
        where jobs.id in ${jsonList(ids)}
      union all
      select replays.first, again.id, again.state, again.replayed_by
        from replays join jobs as again on again.id = replays.replayed_by
    )
    select first as "of", id, state from replays where replayed_by is null
  `.execute(db);
  return new Map(rows.map(({ of, id, state }) => [of, { id, state }]));
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
