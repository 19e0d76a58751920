import { type Insertable, type Kysely, type Selectable, sql, type Transaction } from 'kysely';
import { unblockNext } from './ordered_deliveries.ts';
import { prepared } from './prepared.ts';
import type { AttemptTable, JobTable, Tables } from './schema.ts';
import type { AttemptRecord, JobKind, JobState, Settlement } from './store.ts';

/*
 * The life of a job (a delivery, a CRM write):
 *
 *     waiting ──claim──▶ waiting, claimed ──settle──▶ done
 *        ▲                    │       ├───────────▶ exhausted   (a replay makes a new job)
 *        └──retry, not tried,─┘       │
 *           claim ran out             └─ each attempt that counts leaves a row
 *
 *     waiting, claimed or not ──endpoint deleted, call redacted──▶ exhausted, and nobody is told
 *
 * `next_at` is when the job may be claimed. A claim moves it to its own end, so a claimed job is
 * simply not due, and one whose claimer died is due again without anybody sweeping. The claim id
 * decides whose result counts: a claimer that overslept its claim is still believed as long as
 * nobody else has claimed the job since.
 */

/** The job as it was, where the claim still held; else `null`, and nothing was written. */
export async function settleJob(
  trx: Transaction<Tables>,
  { jobId, claimId, attempt, next, counts }: Settlement,
  now: number,
): Promise<SettledJob | null> {
  const [job] = (await claimedJob(trx, { jobId, claimId })).rows;
  if (job === undefined) return null;
  const tried = counts !== false;
  const attempts = tried ? job.attempts + 1 : job.attempts;
  await settle(trx, {
    id: jobId,
    state: STATE_AFTER[next.state],
    attempts,
    next_at: 'at' in next ? Math.round(next.at) : job.next_at,
    last_status: tried ? attempt.status : job.last_status,
    last_error: tried ? attempt.error : job.last_error,
  });
  const unblocked = next.state !== 'retry' && (await unblockNext(trx, job, now));
  if (tried) {
    await insertAttempt(trx, {
      job_id: jobId,
      attempt: attempts,
      at: Math.round(attempt.at),
      duration_ms: Math.round(attempt.durationMs),
      status: attempt.status,
      error: attempt.error,
      response: clipResponse(attempt.response),
    });
  }
  return { kind: job.kind, target: job.target, callId: job.call_id, unblocked };
}

const claimedJob = prepared((db, { jobId, claimId }: { jobId: string; claimId: string }) =>
  db
    .selectFrom('jobs')
    .select([
      'kind',
      'target',
      'call_id',
      'sequence',
      'attempts',
      'next_at',
      'last_status',
      'last_error',
    ])
    .where('id', '=', jobId)
    .where('claim_id', '=', claimId)
    .where(sql<boolean>`state = 'waiting'`),
);

type SettledColumns = 'id' | 'state' | 'attempts' | 'next_at' | 'last_status' | 'last_error';

const settle = prepared((db, { id, ...columns }: Pick<Selectable<JobTable>, SettledColumns>) =>
  db
    .updateTable('jobs')
    .set({ ...columns, claim_id: null })
    .where('id', '=', id),
);

const insertAttempt = prepared((db, row: Insertable<AttemptTable>) =>
  db.insertInto('attempts').values(row),
);

export interface SettledJob {
  kind: JobKind;
  target: string;
  callId: string | null;
  /** The next delivery of its call to an ordered endpoint was let go. */
  unblocked: boolean;
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
export function clipResponse(response: string | null): string | null {
  if (response === null) return null;
  const bytes = Buffer.from(response);
  if (bytes.length <= MAX_RESPONSE_BYTES) return response;
  return new TextDecoder().decode(bytes.subarray(0, MAX_RESPONSE_BYTES), { stream: true });
}
