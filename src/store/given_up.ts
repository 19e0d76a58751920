import { sql, type Transaction } from 'kysely';
import type { Tables } from './schema.ts';

/*
 * What nobody will do any more, and nobody is told of: deliveries to an endpoint that was deleted,
 * and everything that waits of a call that was redacted. (But not its recording: the job finds its
 * body gone, and deletes the file.) They end as `exhausted` with a reason for
 * `last_error`; a result that is still under way finds its job ended, and counts nothing.
 */

/**
 * Of one endpoint in one transaction (about 30 ms): behind a dead one, 1,000,000 may wait, and appends
 * of running calls would wait for them all. The deletion takes the first, claims take the others.
 */
export const GIVEN_UP_AT_A_TIME = 2_000;

export async function giveUpTarget(
  trx: Transaction<Tables>,
  target: string,
  limit: number,
): Promise<void> {
  await sql`
    update jobs set ${ended('endpoint_deleted')} where position in (
      select position from jobs indexed by jobs_due
        where state = 'waiting' and target = ${target} limit ${limit}
    )
  `.execute(trx);
}

/** A call has few jobs. */
export async function giveUpCall(trx: Transaction<Tables>, callId: string): Promise<void> {
  await sql`
    update jobs set ${ended('redacted')}
      where call_id = ${callId} and state = 'waiting' and kind <> 'recording'
  `.execute(trx);
}

function ended(reason: string) {
  return sql`state = 'exhausted', claim_id = null, last_error = ${reason}`;
}
