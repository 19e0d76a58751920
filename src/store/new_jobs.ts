import type { Insertable, Selectable, Transaction } from 'kysely';
import { BLOCKED, isBehindAnother } from './ordered_deliveries.ts';
import { prepared } from './prepared.ts';
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
  const { id, kind, target, call_id, event_id, body, sequence } = job;
  await insert(trx, {
    id,
    kind,
    target,
    state: 'waiting',
    call_id,
    event_id,
    body,
    next_at: nextAt,
    created_at: now,
    sequence,
  });
  return nextAt;
}

const insert = prepared((db, row: Insertable<JobTable>) =>
  db
    .insertInto('jobs')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doNothing()),
);
