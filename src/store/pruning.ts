import { type RawBuilder, sql, type Transaction } from 'kysely';
import { idFloor } from '../ids.ts';
import type { Pruned, PruneQuery } from './endpoint_store.ts';
import { deleteRecordingSoon } from './recordings.ts';
import type { Tables } from './schema.ts';

/**
 * So many are looked at in one step, also where all of them stay: behind a paused endpoint there may
 * be any number of old calls, and appends of running ones wait for the step to end.
 */
const EXAMINED_AT_A_TIME = 100;

interface Old {
  id: string;
  time: number;
  /** A delivery of it does. */
  waits: 0 | 1;
  recorded: 0 | 1;
}

/**
 * See `RetentionStore.prune`. The bytes of a recording lie elsewhere: a call that has some only makes
 * them due, and goes when they are gone.
 */
export async function prune(trx: Transaction<Tables>, query: PruneQuery): Promise<Pruned> {
  const isCall = query.what === 'calls';
  const { rows: old } = await (isCall ? oldCalls(query) : oldEventsOfNoCall(query)).execute(trx);
  let removed = 0;
  let kept = 0;
  let rows = 0;
  for (const { id, time, waits, recorded } of old) {
    if (waits === 1) kept++;
    else if (recorded === 1) {
      await deleteRecordingSoon(trx, id, query.before);
      kept++;
    } else {
      rows += await (isCall ? removeCall(trx, id) : removeEvent(trx, id));
      removed++;
    }
    if (rows >= query.rows) return { removed, kept, next: { time, id } };
  }
  const last = old.length === EXAMINED_AT_A_TIME ? old.at(-1) : undefined;
  return { removed, kept, next: last ? { time: last.time, id: last.id } : null };
}

/** Of a call that was told of long after its end, the days count from then: its id is as old. */
function oldCalls({ before, after }: PruneQuery): RawBuilder<Old> {
  return sql<Old>`
    select id, ended_at as time, exists (
        select 1 from jobs indexed by jobs_by_call
          where jobs.call_id = calls.id and state = 'waiting'
      ) as waits, exists (
        select 1 from recordings where recordings.call_id = calls.id and state = 'stored'
      ) as recorded
      from calls
      where ended_at < ${before} and ${isBehind(sql`(ended_at, id)`, after)}
        and (provider_call_id is null or id < ${idFloor('call', before)})
      order by ended_at, id limit ${EXAMINED_AT_A_TIME}
  `;
}

function oldEventsOfNoCall({ before, after }: PruneQuery): RawBuilder<Old> {
  return sql<Old>`
    select id, time, exists (
        select 1 from jobs indexed by jobs_by_event
          where jobs.event_id = events.id and state = 'waiting'
      ) as waits, 0 as recorded
      from events
      where call_id is null and time < ${before} and ${isBehind(sql`(time, id)`, after)}
      order by time, id limit ${EXAMINED_AT_A_TIME}
  `;
}

function isBehind(row: RawBuilder<unknown>, after: PruneQuery['after']): RawBuilder<boolean> {
  return after === null ? sql`true` : sql`${row} > (${after.time}, ${after.id})`;
}

/** Returns how many rows went. */
async function removeCall(trx: Transaction<Tables>, id: string): Promise<number> {
  return await removed(trx, [
    sql`delete from attempts where job_id in (select id from jobs where call_id = ${id})`,
    sql`delete from jobs where call_id = ${id}`,
    sql`delete from events where call_id = ${id}`,
    sql`delete from facts where call_id = ${id}`,
    sql`delete from recordings where call_id = ${id}`,
    sql`delete from idempotency_keys where call_id = ${id}`,
    sql`delete from calls where id = ${id}`,
  ]);
}

async function removeEvent(trx: Transaction<Tables>, id: string): Promise<number> {
  return await removed(trx, [
    sql`delete from attempts where job_id in (select id from jobs where event_id = ${id})`,
    sql`delete from jobs where event_id = ${id}`,
    sql`delete from events where id = ${id}`,
  ]);
}

async function removed(
  trx: Transaction<Tables>,
  statements: readonly RawBuilder<unknown>[],
): Promise<number> {
  let rows = 0;
  for (const statement of statements) {
    rows += Number((await statement.execute(trx)).numAffectedRows ?? 0n);
  }
  return rows;
}
