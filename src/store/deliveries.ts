import { type Kysely, sql, type Transaction } from 'kysely';
import { type EventId, newId } from '../ids.ts';
import type { Tables } from './schema.ts';
import type { DeliveryRecord, JobState } from './store.ts';

/** Newest first. */
export async function listDeliveries(
  db: Kysely<Tables>,
  query: { limit: number; callId?: string; state?: JobState },
): Promise<DeliveryRecord[]> {
  let select = db
    .selectFrom('jobs')
    .leftJoin('events', 'events.id', 'jobs.event_id')
    .selectAll('jobs')
    .select('events.type as event_type')
    .orderBy('jobs.position', 'desc')
    .limit(query.limit);
  if (query.callId !== undefined) select = select.where('jobs.call_id', '=', query.callId);
  // Written into the statement: a bound state would keep SQLite from using `jobs_exhausted`.
  if (query.state !== undefined) select = select.where('jobs.state', '=', sql.lit(query.state));
  const rows = await select.execute();
  return rows.map((row) => ({
    id: row.id,
    kind: row.kind,
    target: row.target,
    state: row.state,
    callId: row.call_id,
    eventId: row.event_id as EventId | null,
    eventType: row.event_type,
    attempts: row.attempts,
    nextAt: row.state === 'waiting' ? row.next_at : null,
    lastStatus: row.last_status,
    lastError: row.last_error,
    createdAt: row.created_at,
  }));
}

/** One transaction must not hold up the appends of running calls for long. */
export const MAX_REPLAYED = 10_000;

/**
 * Makes a new job of each settled one that is asked for, oldest first, `MAX_REPLAYED` at most.
 * Each is replayed from its last delivery only: asked twice, nothing is sent twice as long as the
 * first replay is still on its way. Without `onlyFailed` and without a delivery's id, CRM writes
 * are left out: a CRM that cannot dedupe would show them twice.
 */
export async function replayDeliveries(
  trx: Transaction<Tables>,
  query: { deliveryId?: string; callId?: string; since?: number; onlyFailed?: boolean },
  now: number,
): Promise<string[]> {
  let select = trx
    .selectFrom('jobs')
    .selectAll()
    .where('replayed_by', 'is', null)
    .where('state', '<>', 'waiting')
    .orderBy('position')
    .limit(MAX_REPLAYED);
  if (query.deliveryId !== undefined) select = select.where('id', '=', query.deliveryId);
  if (query.callId !== undefined) select = select.where('call_id', '=', query.callId);
  if (query.since !== undefined) select = select.where('created_at', '>=', query.since);
  if (query.onlyFailed === true) select = select.where('state', '=', sql.lit('exhausted' as const));
  else if (query.deliveryId === undefined) select = select.where('kind', '=', 'webhook');

  const replayed: string[] = [];
  for (const job of await select.execute()) {
    const id = newId(job.kind === 'webhook' ? 'dlv' : 'job', now);
    await trx
      .insertInto('jobs')
      .values({
        id,
        kind: job.kind,
        target: job.target,
        state: 'waiting',
        call_id: job.call_id,
        event_id: job.event_id,
        body: job.body,
        next_at: now,
        created_at: now,
      })
      .execute();
    await trx
      .updateTable('jobs')
      .set({ replayed_by: id })
      .where('position', '=', job.position)
      .execute();
    replayed.push(id);
  }
  return replayed;
}
