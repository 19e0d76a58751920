import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely';
import { clipResponse, type SettledJob } from './jobs.ts';
import { BLOCKED, unblockNext } from './ordered_deliveries.ts';
import { prepared } from './prepared.ts';
import type { Tables } from './schema.ts';
import type { JobKind, Settlement } from './store.ts';

/*
 * Almost every settlement is a plain success: the job is done, its attempt is recorded, and nothing
 * is appended. A batch of these is written with a handful of statements. One by one each took five,
 * and settling was what a busy store did most.
 */

/** Tried, done, and nothing to append. */
export function isPlainSuccess({ next, append, counts }: Settlement): boolean {
  return next.state === 'done' && append === undefined && counts !== false;
}

/** The jobs of those whose claim still held; for the others nothing is written. */
export async function settlePlainSuccesses(
  trx: Transaction<Tables>,
  settlements: readonly Settlement[],
  now: number,
): Promise<SettledJob[]> {
  if (settlements.length === 0) return [];
  const successes = settlements.map(({ jobId, claimId, attempt: { status, error } }) => [
    jobId,
    claimId,
    status,
    error,
  ]);
  const { rows: jobs } = await markAsDone(trx, { successes: JSON.stringify(successes) });
  const attempts = new Map(settlements.map(({ jobId, attempt }) => [jobId, attempt]));
  const records = jobs.flatMap(({ id, attempts: number }) => {
    const attempt = attempts.get(id);
    if (attempt === undefined) return [];
    const { at, durationMs, status, error, response } = attempt;
    return [
      [id, number, Math.round(at), Math.round(durationMs), status, error, clipResponse(response)],
    ];
  });
  await insertAttempts(trx, { records: JSON.stringify(records) });
  const blocking = new Map<string, boolean>();
  const settled: SettledJob[] = [];
  for (const job of jobs) {
    const { kind, target, call_id: callId, sequence } = job;
    if (sequence !== null && !blocking.has(target)) {
      blocking.set(target, await hasBlocked(trx, target));
    }
    const unblocked = blocking.get(target) === true && (await unblockNext(trx, job, now));
    settled.push({ kind, target, callId, unblocked });
  }
  return settled;
}

const insertAttempts = prepared(
  (_, { records }: { records: string }) => sql`
    insert into attempts (job_id, attempt, at, duration_ms, status, error, response)
      select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
        from json_each(${records})
  `,
);

interface DoneJob {
  id: string;
  kind: JobKind;
  target: string;
  call_id: string | null;
  sequence: number | null;
  attempts: number;
}

/**
 * The pluses keep the planner from the indexes of what waits and what is claimed, of which it would
 * walk all for each of the batch.
 *
 * @param successes JSON: `[[job's id, claim's id, status, error], …]`
 */
export function settleAsDone({ successes }: { successes: string }): RawBuilder<DoneJob> {
  return sql<DoneJob>`
    update jobs set state = 'done', attempts = attempts + 1, claim_id = null,
        last_status = given.status, last_error = given.error
      from (
        select value ->> 0 as job_id, value ->> 1 as claim_id,
            value ->> 2 as status, value ->> 3 as error
          from json_each(${successes})
      ) as given
      where jobs.id = given.job_id and +jobs.claim_id = given.claim_id and +jobs.state = 'waiting'
      returning id, kind, target, call_id, sequence, attempts
  `;
}

const markAsDone = prepared((_, given: { successes: string }) => settleAsDone(given));

async function hasBlocked(db: Kysely<Tables>, target: string): Promise<boolean> {
  return (await blockedOf(db, { target })).rows.length > 0;
}

/** One seek: what is blocked is due last. */
const blockedOf = prepared(
  (_, { target }: { target: string }) => sql`
    select 1 from jobs indexed by jobs_due
      where state = 'waiting' and target = ${target} and next_at = ${BLOCKED} limit 1
  `,
);
