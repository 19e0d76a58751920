import { randomUUID } from 'node:crypto';
import { type Kysely, type RawBuilder, type Selectable, sql, type Transaction } from 'kysely';
import type { EventId } from '../ids.ts';
import { isMadeEndpoint } from './default_endpoint.ts';
import { GIVEN_UP_AT_A_TIME, giveUpTarget } from './given_up.ts';
import { SIGNATURE_REFUSALS } from './job_record.ts';
import { inJsonList } from './json_list.ts';
import { BLOCKED, IS_BEHIND } from './ordered_deliveries.ts';
import { prepared } from './prepared.ts';
import type { JobTable, Tables } from './schema.ts';
import type { ClaimedJob, ClaimQuery } from './store.ts';

/*
 * Which jobs a claim takes
 * ========================
 *
 * All it looks at first are the targets with waiting jobs, one seek each, so its cost is their
 * number and not that of the jobs. A target is one of:
 *
 *   open     no endpoint made by the API, or an active one: its due jobs may be claimed
 *   resting  a paused or disabled endpoint: its jobs wait, however many, and cost one seek
 *   orphan   an endpoint that was deleted: its jobs are given up, some thousands a claim
 *
 * Room is dealt out evenly: each open target gets its share of what is left, those with least under
 * way first, until nobody wants more. An endpoint with 1,000,000 waiting deliveries and one with a
 * single one get their next attempt at the same time. Targets that are failing get less (`failing`):
 * where each attempt may hang for 15 s, a few of them would otherwise hold all there is.
 */

/** How many jobs a target may have under way is a limit on the target, over all claimers. */
export async function claimJobs(
  trx: Transaction<Tables>,
  query: ClaimQuery & { now: number },
): Promise<ClaimedJob[]> {
  const { now, failing } = query;
  const targets = await waitingTargets(trx);
  for (const { target, standing } of targets) {
    if (standing === 'orphan') await giveUpTarget(trx, target, GIVEN_UP_AT_A_TIME);
  }
  const underWay = await claimsByTarget(trx, now);
  const busy = (target: string) => underWay.get(target) ?? 0;
  const isFailing = new Set(targets.filter((one) => one.failing).map((one) => one.target));
  let failingRoom = failing?.total ?? Number.POSITIVE_INFINITY;
  for (const target of isFailing) failingRoom -= busy(target);

  const claim = new Claim(trx, now, query.leaseMs);
  let room = query.limit;
  let hungry = targets
    .filter(({ standing, nextAt }) => standing === 'open' && nextAt <= now)
    .sort((a, b) => busy(a.target) - busy(b.target) || a.nextAt - b.nextAt);
  while (room > 0 && hungry.length > 0) {
    const stillHungry: WaitingTarget[] = [];
    for (const [index, one] of hungry.entries()) {
      const limited = isFailing.has(one.target);
      const most = limited && failing ? failing.perTarget : query.perTarget;
      const even = Math.max(1, Math.floor(room / (hungry.length - index)));
      const share = Math.min(
        even,
        room,
        most - busy(one.target),
        limited ? failingRoom : Number.POSITIVE_INFINITY,
      );
      if (share <= 0) continue;
      const taken = await claim.take(one, share);
      room -= taken;
      if (limited) failingRoom -= taken;
      underWay.set(one.target, busy(one.target) + taken);
      if (taken === share) stillHungry.push(one);
    }
    hungry = stillHungry;
  }
  return await claim.claimed();
}

/** Every claim becomes void and its job due at once. */
export async function releaseClaims(trx: Transaction<Tables>, now: number): Promise<void> {
  await trx
    .updateTable('jobs')
    .set({ claim_id: null, next_at: now })
    .where('claim_id', 'is not', null)
    .execute();
}

/** An orphan's jobs are due now, for a claim to give them up. */
export async function nextDueAt(db: Kysely<Tables>): Promise<number | null> {
  const due = (await waitingTargets(db)).flatMap(({ standing, nextAt }) =>
    standing === 'resting' ? [] : [standing === 'orphan' ? 0 : nextAt],
  );
  return due.length === 0 ? null : Math.min(...due);
}

/** How many due jobs of an ordered target one claim looks at for those that may go. */
const EXAMINED_AT_A_TIME = 500;

class Claim {
  readonly #trx: Transaction<Tables>;
  readonly #now: number;
  readonly #until: number;
  readonly #id = randomUUID();
  readonly #jobs: Selectable<JobTable>[] = [];

  constructor(trx: Transaction<Tables>, now: number, leaseMs: number) {
    this.#trx = trx;
    this.#now = now;
    this.#until = now + leaseMs;
  }

  /** Claims at most `limit` due jobs of one target. Returns how many. */
  async take({ target, ordered }: WaitingTarget, limit: number): Promise<number> {
    let taken = 0;
    for (let examined = 0; taken < limit && examined < EXAMINED_AT_A_TIME; ) {
      const asked = limit - taken;
      const due = await dueJobs(this.#trx, { target, ordered, limit: asked, now: this.#now });
      const free = due.filter(({ behind }) => behind === 0);
      await this.#move(
        due.filter(({ behind }) => behind === 1),
        { next_at: BLOCKED },
      );
      await this.#move(free, { claim_id: this.#id, next_at: this.#until });
      this.#jobs.push(...free);
      taken += free.length;
      examined += due.length;
      if (due.length < asked) break;
    }
    return taken;
  }

  /** Oldest due first. */
  async claimed(): Promise<ClaimedJob[]> {
    const events = await eventsOf(this.#trx, this.#jobs);
    const refusals = await refusalsOf(this.#trx, this.#jobs);
    return this.#jobs
      .sort((a, b) => a.next_at - b.next_at || a.position - b.position)
      .map((job) => ({
        id: job.id,
        claimId: this.#id,
        kind: job.kind,
        target: job.target,
        attempt: job.attempts + 1,
        refusals: refusals.get(job.id) ?? 0,
        callId: job.call_id,
        createdAt: job.created_at,
        event: job.event_id === null ? null : (events.get(job.event_id) ?? null),
        body: JSON.parse(job.body) as Record<string, unknown>,
      }));
  }

  async #move(
    jobs: readonly Selectable<JobTable>[],
    set: { next_at: number; claim_id?: string },
  ): Promise<void> {
    if (jobs.length === 0) return;
    const positions = JSON.stringify(jobs.map(({ position }) => position));
    await ('claim_id' in set ? claimJobsAt : blockJobsAt)(this.#trx, { positions, ...set });
  }
}

const claimJobsAt = prepared(
  (db, { positions, ...set }: { positions: string; next_at: number; claim_id?: string }) =>
    db.updateTable('jobs').set(set).where('position', 'in', inJsonList<number>(positions)),
);

const blockJobsAt = prepared((db, { positions, next_at }: { positions: string; next_at: number }) =>
  db.updateTable('jobs').set({ next_at }).where('position', 'in', inJsonList<number>(positions)),
);

interface WaitingTarget {
  target: string;
  /** When the first of its waiting jobs is due. */
  nextAt: number;
  standing: 'open' | 'resting' | 'orphan';
  ordered: boolean;
  failing: boolean;
}

/**
 * Every target with waiting jobs and when its first is due, by jumping through the index from one
 * target to the next. `select distinct target` would walk every waiting job of a dead endpoint each
 * time. The index is named, for the planner may take another: 4.3 s instead of 3 ms.
 */
export const WITH_TARGETS = sql`
  with recursive targets (target) as (
    select min(target) from jobs indexed by jobs_due where state = 'waiting'
    union all
    select (
        select min(target) from jobs indexed by jobs_due
          where state = 'waiting' and target > targets.target
      )
      from targets where targets.target is not null
  )
`;

export const WAITING_TARGETS = sql<{
  target: string;
  nextAt: number;
  status: string | null;
  ordered: 0 | 1 | null;
  failingSince: number | null;
}>`
  ${WITH_TARGETS}
  select targets.target,
      (
        select min(next_at) from jobs indexed by jobs_due
          where state = 'waiting' and target = targets.target
      ) as "nextAt",
      endpoints.status, endpoints.ordered, endpoints.failing_since as "failingSince"
    from targets left join endpoints on endpoints.id = targets.target
    where targets.target is not null
`;

const targetsThatWait = prepared(() => WAITING_TARGETS);

async function waitingTargets(db: Kysely<Tables>): Promise<WaitingTarget[]> {
  const { rows } = await targetsThatWait(db, {});
  return rows.map(({ target, nextAt, status, ordered, failingSince }) => ({
    target,
    nextAt,
    standing: standingOf(target, status),
    ordered: ordered === 1,
    failing: failingSince !== null,
  }));
}

function standingOf(target: string, status: string | null): WaitingTarget['standing'] {
  if (!isMadeEndpoint(target)) return 'open';
  if (status === null) return 'orphan';
  return status === 'active' ? 'open' : 'resting';
}

async function claimsByTarget(db: Kysely<Tables>, now: number): Promise<Map<string, number>> {
  const { rows } = await claimsUntil(db, { now });
  return new Map(rows.map((row) => [row.target, row.count]));
}

const claimsUntil = prepared(
  (_, { now }: { now: number }) => sql<{ target: string; count: number }>`
    select target, count(*) as count from jobs indexed by jobs_claimed
      where claim_id is not null and next_at > ${now} group by target
  `,
);

interface DueJob extends Selectable<JobTable> {
  behind: 0 | 1;
}

interface DueQuery {
  target: string;
  now: number;
  limit: number;
}

async function dueJobs(
  db: Kysely<Tables>,
  { ordered, ...query }: DueQuery & { ordered: boolean },
): Promise<DueJob[]> {
  return (await (ordered ? dueInOrder : dueInAnyOrder)(db, query)).rows;
}

const dueInOrder = prepared((_, query: DueQuery) => jobsDue(query, IS_BEHIND));
const dueInAnyOrder = prepared((_, query: DueQuery) => jobsDue(query, sql<0>`0`));

/** `state` is written into the statement: bound as a parameter, SQLite could not use `jobs_due`. */
function jobsDue({ target, now, limit }: DueQuery, behind: RawBuilder<0 | 1>): RawBuilder<DueJob> {
  return sql<DueJob>`
    select due.*, ${behind} as behind
      from jobs as due indexed by jobs_due
      where due.state = 'waiting' and due.target = ${target} and due.next_at <= ${now}
      order by due.next_at, due.position limit ${limit}
  `;
}

async function eventsOf(
  db: Kysely<Tables>,
  jobs: readonly Selectable<JobTable>[],
): Promise<Map<string, NonNullable<ClaimedJob['event']>>> {
  const ids = jobs.flatMap((job) => job.event_id ?? []);
  if (ids.length === 0) return new Map();
  const { rows } = await eventsToSend(db, { ids: JSON.stringify(ids) });
  return new Map(rows.map((row) => [row.id, { ...row, id: row.id as EventId }]));
}

const eventsToSend = prepared((db, { ids }: { ids: string }) =>
  db.selectFrom('events').select(['id', 'type', 'body']).where('id', 'in', inJsonList<string>(ids)),
);

async function refusalsOf(
  db: Kysely<Tables>,
  jobs: readonly Selectable<JobTable>[],
): Promise<Map<string, number>> {
  const tried = jobs.filter((job) => job.attempts > 0 && isMadeEndpoint(job.target));
  if (tried.length === 0) return new Map();
  const rows = await db
    .selectFrom('attempts')
    .select((columns) => ['job_id', columns.fn.countAll<number>().as('count')])
    .where(
      'job_id',
      'in',
      tried.map(({ id }) => id),
    )
    .where('status', 'in', SIGNATURE_REFUSALS)
    .groupBy('job_id')
    .execute();
  return new Map(rows.map((row) => [row.job_id, row.count]));
}
