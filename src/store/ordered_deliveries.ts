import { type Kysely, sql, type Transaction } from 'kysely';
import { prepared } from './prepared.ts';
import type { Tables } from './schema.ts';

/*
 * An endpoint with `ordered` gets the events of one call strictly by their sequence: of all
 * unsettled deliveries of the call to it, only the first may be tried.
 *
 *              the first of its call ────▶ due (waiting, as any job)
 *   new ──┬───────────────────────────────────▲
 *         └─ behind another ──▶ BLOCKED ──────┘ the one before it is done or exhausted
 *                                  ▲
 *   due, but found behind another ─┘ by a claim: its endpoint became ordered, or an earlier event
 *                                    was replayed
 *
 * A blocked job is merely due in another age, so that claiming never meets it: were the claim to
 * skip what may not be tried yet, a dead ordered endpoint with 1,000,000 waiting deliveries would
 * make every claim walk most of them. Whatever ends a job unblocks the one behind it, also where the
 * endpoint is not ordered any more; so no job stays blocked.
 *
 * Transcripts have no sequence: they neither wait nor hold anybody up.
 */

/** The end of JavaScript's time, `8.64e15` ms; no schedule comes near. */
export const BLOCKED = 8_640_000_000_000_000;

export async function isBehindAnother(
  db: Kysely<Tables>,
  job: { target: string; call_id: string | null; sequence: number | null },
): Promise<boolean> {
  if (job.call_id === null || job.sequence === null) return false;
  const { target, call_id: callId, sequence } = job;
  return (await earlierOf(db, { target, callId, sequence })).rows.length > 0;
}

const earlierOf = prepared(
  (_, place: { target: string; callId: string; sequence: number }) => sql`
    select 1 from jobs indexed by jobs_in_order
      where state = 'waiting' and sequence is not null
        and target = ${place.target} and call_id = ${place.callId} and sequence <= ${place.sequence}
      limit 1
  `,
);

/** For a row `due` of jobs: whether another of its call has to go first. */
export const IS_BEHIND = sql<0 | 1>`
  (due.sequence is not null and exists (
    select 1 from jobs as earlier indexed by jobs_in_order
      where earlier.state = 'waiting' and earlier.sequence is not null
        and earlier.target = due.target and earlier.call_id = due.call_id
        and earlier.sequence <= due.sequence
        and (earlier.sequence, earlier.position) < (due.sequence, due.position)
  ))
`;

/** Lets the next delivery of the call go, now that the one before it has ended; `false`: none waits. */
export async function unblockNext(
  trx: Transaction<Tables>,
  job: { target: string; call_id: string | null; sequence: number | null },
  now: number,
): Promise<boolean> {
  if (job.call_id === null || job.sequence === null) return false;
  const { target, call_id: callId } = job;
  const { numAffectedRows = 0n } = await letNextGo(trx, { target, callId, now });
  return numAffectedRows > 0n;
}

const letNextGo = prepared(
  (_, { target, callId, now }: { target: string; callId: string; now: number }) => sql`
    update jobs set next_at = ${now}
      where next_at = ${BLOCKED} and position = (
        select position from jobs indexed by jobs_in_order
          where state = 'waiting' and sequence is not null
            and target = ${target} and call_id = ${callId}
          order by sequence, position limit 1
      )
  `,
);
