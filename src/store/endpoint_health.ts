import type { Transaction } from 'kysely';
import { newId } from '../ids.ts';
import { isMadeEndpoint } from './default_endpoint.ts';
import type { SettledJob } from './jobs.ts';
import type { Tables } from './schema.ts';
import type { EventDraft, Settlement } from './store.ts';

/*
 * The health of an endpoint that the API made, written with each result:
 *
 *                    failure                    failing for `disableAfterMs`
 *   HEALTHY ◀─────────────────────▶ FAILING ───────────────────────────────▶ DISABLED, failing
 *   failing_since null   success    since the first failure                     ▲  │
 *      │                               │                                        │  │ set active
 *      └───────────── 410 ─────────────┴─────────────────▶ DISABLED, gone ──────┼──▶ HEALTHY
 *
 * The age of the failure decides, not a count: a busy endpoint collects a hundred failures in a
 * minute of downtime. A disabled one keeps its deliveries; they wait.
 *
 * Only deliveries of calls' events are judged, though every success counts: what tells of delivery
 * (`endpoint.disabled`, `delivery.exhausted`) must never cause another, and a test of an endpoint
 * that is still being built must not count against it.
 */

/** After a success; of the endpoint of the environment nothing is kept here. */
export async function markHealthy(
  trx: Transaction<Tables>,
  target: string,
  now: number,
): Promise<void> {
  if (!isMadeEndpoint(target)) return;
  await trx
    .updateTable('endpoints')
    .where('id', '=', target)
    .set({ failing_since: null, last_success_at: now })
    .execute();
}

/** What to append about it, in the same transaction; `null` where nothing changed for others. */
export async function judgeEndpoint(
  trx: Transaction<Tables>,
  job: SettledJob,
  { attempt, next }: Settlement,
  { now, disableAfterMs }: { now: number; disableAfterMs: number },
): Promise<EventDraft | null> {
  if (job.kind !== 'webhook' || !isMadeEndpoint(job.target)) return null;
  if (next.state === 'done') {
    await markHealthy(trx, job.target, now);
    return null;
  }
  const endpoint = trx.updateTable('endpoints').where('id', '=', job.target);
  const before = await trx
    .selectFrom('endpoints')
    .select(['status', 'failing_since'])
    .where('id', '=', job.target)
    .executeTakeFirst();
  if (before === undefined || job.callId === null) return null;

  const failingSince = before.failing_since ?? now;
  const gone = attempt.status === 410;
  const failedLong = now - failingSince >= disableAfterMs;
  if (before.status === 'disabled' || !(gone || failedLong)) {
    if (before.failing_since === null) await endpoint.set({ failing_since: now }).execute();
    return null;
  }
  const reason = gone ? 'gone' : 'failing';
  await endpoint
    .set({ failing_since: failingSince, status: 'disabled', disabled_reason: reason })
    .execute();
  return {
    id: newId('evt', now),
    type: 'endpoint.disabled',
    time: now,
    data: {
      endpoint_id: job.target,
      reason,
      failing_since: new Date(failingSince).toISOString(),
    },
  };
}
