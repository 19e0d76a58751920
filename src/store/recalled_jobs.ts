import { sql, type Transaction } from 'kysely';
import { WITH_TARGETS } from './claims.ts';
import { BLOCKED } from './ordered_deliveries.ts';
import type { Tables } from './schema.ts';

/** As with what is given up, one transaction must not hold up the appends of running calls. */
const RECALLED_AT_A_TIME = 2_000;

/**
 * See `JobStore.recallJobs`. A machine that boots with its clock years ahead puts its first retries
 * off by years; when the clock is right again, only this finds them. A call that is to be dialled next
 * month is no such job.
 */
export async function recallJobs(
  trx: Transaction<Tables>,
  { now, longestWaitMs }: { now: number; longestWaitMs: number },
): Promise<number> {
  const { numAffectedRows } = await sql`
    update jobs set next_at = ${now} where position in (
      ${WITH_TARGETS}
      select jobs.position from targets cross join jobs indexed by jobs_due
        on jobs.state = 'waiting' and jobs.target = targets.target
        where jobs.next_at > ${now + longestWaitMs} and jobs.next_at < ${BLOCKED}
          and jobs.kind <> 'dial'
        limit ${RECALLED_AT_A_TIME}
    )
  `.execute(trx);
  return Number(numAffectedRows ?? 0n);
}
