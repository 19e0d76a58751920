import { type Kysely, sql } from 'kysely';

/**
 * Endpoints and triggers made by the API, API keys, redaction and pruning.
 *
 * - `jobs.sequence` is the event's, on deliveries to endpoints made by the API alone: those of the
 *   environment's endpoint are never ordered, and do not pay for `jobs_in_order`.
 * - `jobs_in_order` finds the lowest unsettled sequence of a call at an endpoint with one seek.
 * - `jobs_by_target` is for people who page through an endpoint's deliveries. The claim's statements
 *   name `jobs_due` themselves (see 0001 for what the planner makes of a second choice).
 * - `jobs_waiting` is for how much waits and since when.
 * - `jobs.settled_at` is what pruning goes by: a delivery may wait for days before it settles.
 */
export async function up(db: Kysely<never>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  `create table endpoints (
    id text primary key,
    name text not null,
    url text not null,
    ordered integer not null,
    signatures text not null,
    status text not null check (status in ('active', 'paused', 'disabled')),
    disabled_reason text check (disabled_reason in ('gone', 'failing')),
    secret text not null,
    previous_secret text,
    previous_until integer,
    failing_since integer,
    last_success_at integer,
    created_at integer not null
  ) strict`,

  `create table triggers (
    id text primary key,
    name text not null,
    event_type text not null,
    endpoint_id text not null references endpoints (id),
    conditions text,
    created_at integer not null
  ) strict`,
  `create index triggers_by_event_type on triggers (event_type)`,
  `create index triggers_by_endpoint on triggers (endpoint_id)`,

  `create table api_keys (
    id text primary key,
    name text not null,
    hash text not null unique,
    scopes text not null,
    created_at integer not null,
    revoked_at integer
  ) strict`,

  `alter table calls add column redacted_at integer`,

  `alter table jobs add column sequence integer`,
  `alter table jobs add column settled_at integer`,
  `update jobs set settled_at = created_at where state <> 'waiting'`,
  `create index jobs_in_order on jobs (target, call_id, sequence)
    where state = 'waiting' and sequence is not null`,
  `create index jobs_by_target on jobs (target, position)`,
  `create index jobs_waiting on jobs (created_at) where state = 'waiting'`,
  `create index jobs_by_event on jobs (event_id)`,
  `create index jobs_settled on jobs (settled_at) where settled_at is not null`,
];
