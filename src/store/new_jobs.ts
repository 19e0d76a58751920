import type { Selectable, Transaction } from 'kysely';
import { BLOCKED, isBehindAnother } from './ordered_deliveries.ts';
import type { JobTable, Tables } from './schema.ts';

export type NewJob = Pick<
  Selectable<JobTable>,
  'id' | 'kind' | 'target' | 'call_id' | 'event_id' | 'body' | 'sequence'
> & {
  /** Whether its target takes the events of a call in their order. */
  ordered: boolean;
  /** (Default: now) */
  dueAt?: number;
};

/**
 * A job that is due at once, at its time, or as soon as those before it have ended; returns when it is due.
 * A known id changes nothing.
 */
export async function insertJob(
  trx: Transaction<Tables>,
  { ordered, dueAt, ...job }: NewJob,
  now: number,
): Promise<number> {
  const blocked = ordered && (await isBehindAnother(trx, job));
  const nextAt = blocked ? BLOCKED : Math.round(Math.max(dueAt ?? now, now));
  await trx
    .insertInto('jobs')
    .values({
      ...job,
      state: 'waiting',
      next_at: nextAt,
      created_at: now,
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
  return nextAt;
}
