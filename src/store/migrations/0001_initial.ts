import { type Kysely, sql } from 'kysely';

/**
 * SQLite's first schema. A migration that has been released is never edited: the next one changes
 * what it made.
 *
 * - `events` and `jobs` are ordered by a position the database gives; ids sort only roughly.
 * - `call_ended_once` holds the promise "exactly one `call.ended` per call" in the database itself.
 * - `jobs_due` is all that claiming reads: it holds waiting jobs only, first by target, so that
 *   the next due job of every target is one seek however many jobs one dead target has piled up.
 *   An index on `state` beside it looks harmless and is not: the planner then prefers it, and a
 *   claim among 1,000,000 waiting jobs took 4.3 s instead of 3 ms.
 */
export async function up(db: Kysely<never>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  `create table calls (
    id text primary key,
    direction text not null check (direction in ('inbound', 'outbound')),
    state text not null check (state in ('scheduled', 'queued', 'dialing', 'ringing', 'active', 'ended')),
    from_number text,
    to_number text not null,
    agent_id text not null,
    room text not null,
    metadata text not null,
    contact_id text,
    contact_name text,
    context text not null check (context in ('ready', 'pending', 'none')),
    context_ms integer,
    sequence integer not null,
    transcript_sequence integer not null,
    lease integer not null,
    lease_until integer not null,
    created_at integer not null,
    answered_at integer,
    ended_at integer,
    end_reason text,
    usage text
  ) strict`,
  `create index calls_live_by_lease on calls (lease_until) where state <> 'ended'`,
  `create index calls_live_by_caller on calls (from_number) where state <> 'ended'`,

  `create table events (
    position integer primary key autoincrement,
    id text not null unique,
    call_id text references calls (id),
    sequence integer,
    transcript_sequence integer,
    type text not null,
    time integer not null,
    body text not null
  ) strict`,
  `create index events_by_call on events (call_id)`,
  `create unique index events_sequence_once on events (call_id, sequence) where sequence is not null`,
  `create unique index events_transcript_sequence_once on events (call_id, transcript_sequence)
    where transcript_sequence is not null`,
  `create unique index call_ended_once on events (call_id) where type = 'call.ended'`,
  `create unique index call_completed_once on events (call_id) where type = 'call.completed'`,

  `create table facts (
    position integer primary key autoincrement,
    id text not null unique,
    call_id text not null references calls (id),
    kind text not null,
    time integer not null,
    data text not null
  ) strict`,
  `create index facts_by_call on facts (call_id)`,

  `create table jobs (
    position integer primary key autoincrement,
    id text not null unique,
    kind text not null,
    target text not null,
    state text not null check (state in ('waiting', 'done', 'exhausted')),
    call_id text references calls (id),
    event_id text references events (id),
    body text not null,
    attempts integer not null default 0,
    next_at integer not null,
    claim_id text,
    created_at integer not null,
    last_status integer,
    last_error text,
    replayed_by text
  ) strict`,
  `create index jobs_due on jobs (target, next_at) where state = 'waiting'`,
  `create index jobs_claimed on jobs (target, next_at) where claim_id is not null`,
  `create index jobs_by_call on jobs (call_id)`,
  `create index jobs_exhausted on jobs (position) where state = 'exhausted'`,

  `create table attempts (
    job_id text not null references jobs (id),
    attempt integer not null,
    at integer not null,
    duration_ms integer not null,
    status integer,
    error text,
    response text,
    primary key (job_id, attempt)
  ) strict, without rowid`,

  `create table contacts (
    id text primary key,
    phone text not null unique,
    name text,
    email text,
    account_status text,
    last_interaction text,
    preferred_language text,
    fields text not null,
    created_at integer not null
  ) strict`,

  `create table contact_entries (
    position integer primary key autoincrement,
    id text not null unique,
    contact_id text not null references contacts (id),
    phone text,
    kind text not null,
    time integer not null,
    data text not null
  ) strict`,
  `create index contact_entries_by_contact on contact_entries (contact_id)`,
];
