import { randomUUID } from 'node:crypto';
import { type Kysely, type Selectable, sql, type Transaction } from 'kysely';
import type { EventId } from '../ids.ts';
import type { JobTable, Tables } from './schema.ts';
import type { AttemptRecord, ClaimedJob, JobState, Settlement } from './store.ts';

/*
 * The life of a job (a delivery, a CRM write):
 *
 *     waiting ──claim──▶ waiting, claimed ──settle──▶ done
 *        ▲                    │       ├───────────▶ exhausted   (a replay makes a new job)
 *        └──retry, not tried,─┘       │
 *           claim ran out             └─ each attempt that counts leaves a row
 *
 * `next_at` is when the job may be claimed. A claim moves it to its own end, so a claimed job is
 * simply not due, and one whose claimer died is due again without anybody sweeping. The claim id
 * decides whose result counts: a claimer that overslept its claim is still believed as long as
 * nobody else has claimed the job since.
 */

/** How many jobs a target may have under way is a limit on the target, over all claimers. */
export async function claimJobs(
  trx: Transaction<Tables>,
  query: { limit: number; perTarget: number; now: number; leaseMs: number },
): Promise<ClaimedJob[]> {
  const { limit, perTarget, now } = query;
  const targets = (await waitingTargets(trx))
    .filter((target) => target.nextAt <= now)
    .sort((a, b) => a.nextAt - b.nextAt);
  const underWay = await claimsByTarget(trx, now);
  const due: Selectable<JobTable>[] = [];
  for (const { target } of targets) {
    if (due.length >= limit) break;
    const room = Math.min(perTarget - (underWay.get(target) ?? 0), limit - due.length);
    if (room > 0) due.push(...(await dueJobs(trx, target, now, room)));
  }
  if (due.length === 0) return [];

  const claimId = randomUUID();
  await trx
    .updateTable('jobs')
    .set({ claim_id: claimId, next_at: now + query.leaseMs })
    .where(
      'position',
      'in',
      due.map((job) => job.position),
    )
    .execute();
  const events = await eventsOf(trx, due);
  return due
    .sort((a, b) => a.next_at - b.next_at || a.position - b.position)
    .map((job) => ({
      id: job.id,
      claimId,
      kind: job.kind,
      target: job.target,
      attempt: job.attempts + 1,
      callId: job.call_id,
      createdAt: job.created_at,
      event: job.event_id === null ? null : (events.get(job.event_id) ?? null),
      body: JSON.parse(job.body) as Record<string, unknown>,
    }));
}

/** Whether the claim still held; where it did not, nothing was written. */
export async function settleJob(
  trx: Transaction<Tables>,
  { jobId, claimId, attempt, next, counts }: Settlement,
): Promise<boolean> {
  const job = await trx
    .selectFrom('jobs')
    .select(['attempts', 'last_status', 'last_error'])
    .where('id', '=', jobId)
    .where('claim_id', '=', claimId)
    .where('state', '=', 'waiting')
    .executeTakeFirst();
  if (job === undefined) return false;
  const tried = counts !== false;
  const attempts = tried ? job.attempts + 1 : job.attempts;
  await trx
    .updateTable('jobs')
    .set({
      state: STATE_AFTER[next.state],
      attempts,
      claim_id: null,
      ...('at' in next && { next_at: Math.round(next.at) }),
      ...(tried && { last_status: attempt.status, last_error: attempt.error }),
    })
    .where('id', '=', jobId)
    .execute();
  if (tried) {
    await trx
      .insertInto('attempts')
      .values({
        job_id: jobId,
        attempt: attempts,
        at: Math.round(attempt.at),
        duration_ms: Math.round(attempt.durationMs),
        status: attempt.status,
        error: attempt.error,
        response: clip(attempt.response),
      })
      .execute();
  }
  return true;
}

/** Every claim becomes void and its job due at once. */
export async function releaseClaims(trx: Transaction<Tables>, now: number): Promise<void> {
  await trx
    .updateTable('jobs')
    .set({ claim_id: null, next_at: now })
    .where('claim_id', 'is not', null)
    .execute();
}

export async function nextDueAt(db: Kysely<Tables>): Promise<number | null> {
  const targets = await waitingTargets(db);
  return targets.length === 0 ? null : Math.min(...targets.map((target) => target.nextAt));
}

export async function listAttempts(db: Kysely<Tables>, jobId: string): Promise<AttemptRecord[]> {
  const rows = await db
    .selectFrom('attempts')
    .selectAll()
    .where('job_id', '=', jobId)
    .orderBy('attempt')
    .execute();
  return rows.map((row) => ({
    at: row.at,
    durationMs: row.duration_ms,
    status: row.status,
    error: row.error,
    response: row.response,
  }));
}

const STATE_AFTER: Record<Settlement['next']['state'], JobState> = {
  done: 'done',
  retry: 'waiting',
  exhausted: 'exhausted',
};

const MAX_RESPONSE_BYTES = 4096;

/** The first 4 KB; a character that the cut would split is dropped. */
function clip(response: string | null): string | null {
  if (response === null) return null;
  const bytes = Buffer.from(response);
  if (bytes.length <= MAX_RESPONSE_BYTES) return response;
  return new TextDecoder().decode(bytes.subarray(0, MAX_RESPONSE_BYTES), { stream: true });
}

/**
 * Every target with waiting jobs and when its first is due, by jumping through the index from one
 * target to the next: its cost is the number of targets, not of jobs. `select distinct target`
 * would walk every waiting job of a dead endpoint each time.
 */
export const WAITING_TARGETS = sql<{ target: string; nextAt: number }>`
  with recursive targets (target) as (
    select min(target) from jobs where state = 'waiting'
    union all
    select (select min(target) from jobs where state = 'waiting' and target > targets.target)
      from targets where targets.target is not null
  )
  select target,
      (select min(next_at) from jobs where state = 'waiting' and target = targets.target) as "nextAt"
    from targets where target is not null
`;

async function waitingTargets(db: Kysely<Tables>): Promise<{ target: string; nextAt: number }[]> {
  return (await WAITING_TARGETS.execute(db)).rows;
}

async function claimsByTarget(db: Kysely<Tables>, now: number): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('jobs')
    .select((columns) => ['target', columns.fn.countAll<number>().as('count')])
    .where('claim_id', 'is not', null)
    .where('next_at', '>', now)
    .groupBy('target')
    .execute();
  return new Map(rows.map((row) => [row.target, row.count]));
}

/** `state` is written into the statement: bound as a parameter, SQLite could not use `jobs_due`. */
function dueJobs(
  db: Kysely<Tables>,
  target: string,
  now: number,
  limit: number,
): Promise<Selectable<JobTable>[]> {
  return db
    .selectFrom('jobs')
    .selectAll()
    .where(sql<boolean>`state = 'waiting'`)
    .where('target', '=', target)
    .where('next_at', '<=', now)
    .orderBy('next_at')
    .orderBy('position')
    .limit(limit)
    .execute();
}

async function eventsOf(
  db: Kysely<Tables>,
  jobs: readonly Selectable<JobTable>[],
): Promise<Map<string, NonNullable<ClaimedJob['event']>>> {
  const ids = jobs.flatMap((job) => job.event_id ?? []);
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('events')
    .select(['id', 'type', 'body'])
    .where('id', 'in', ids)
    .execute();
  return new Map(rows.map((row) => [row.id, { ...row, id: row.id as EventId }]));
}
