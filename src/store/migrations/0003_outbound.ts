import { type Kysely, sql } from 'kysely';

/**
 * Outbound calls, what follows a call, recordings.
 *
 * - `calls` gets what the API was asked with, the gate's decisions, and what came of the call.
 *   `cost_microusd` is an integer, so that a day's spending is an exact sum.
 * - `calls_waiting_by_lease` replaces `calls_live_by_lease`: a call that waits to be dialled is held
 *   by nobody, and must not be swept as abandoned. Its dial job brings it on.
 * - `calls_dialled_to` and `calls_by_key` answer the gate's caps with one range each.
 * - `idempotency_keys` are kept for a day; `key_id` is the API key's, so that two clients may use
 *   the same words.
 * - `suppressions` are numbers that are never dialled, by their E.164.
 */
export async function up(db: Kysely<never>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  'alter table calls add column variables text',
  'alter table calls add column api_key_id text',
  'alter table calls add column scheduled_for integer',
  'alter table calls add column gate text',
  'alter table calls add column consent_record_id text',
  'alter table calls add column follows_call_id text',
  'alter table calls add column outcome text',
  'alter table calls add column cost_microusd integer',
  'drop index calls_live_by_lease',
  `create index calls_held_by_lease on calls (lease_until)
    where state in ('dialing', 'ringing', 'active')`,
  `create index calls_dialled_to on calls (to_number, created_at) where direction = 'outbound'`,
  'create index calls_by_key on calls (api_key_id, created_at) where api_key_id is not null',
  'create index calls_costing on calls (ended_at) where cost_microusd is not null',

  `create table idempotency_keys (
    key_id text not null,
    key text not null,
    body_hash text not null,
    call_id text not null references calls (id),
    created_at integer not null,
    primary key (key_id, key)
  ) strict, without rowid`,
  'create index idempotency_keys_by_age on idempotency_keys (created_at)',

  `create table suppressions (
    phone text primary key,
    id text not null unique,
    source text not null check (source in ('api', 'import', 'outcome')),
    reason text,
    call_id text,
    created_at integer not null
  ) strict, without rowid`,

  `create table recordings (
    call_id text primary key references calls (id),
    state text not null check (state in ('stored', 'deleted')),
    location text not null,
    content_type text not null,
    bytes integer not null,
    duration_ms integer not null,
    started_at integer not null,
    delete_after integer,
    created_at integer not null
  ) strict, without rowid`,
  `create index recordings_to_delete on recordings (delete_after)
    where state = 'stored' and delete_after is not null`,
];
