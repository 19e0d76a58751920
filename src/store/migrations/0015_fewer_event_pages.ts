import { type Kysely, sql } from 'kysely';

/**
 * As 0013: every index is a page more in a commit, and a commit is written page by page.
 *
 * - `events_of_call` finds a call's events and keeps both of their numbers unique, as three indexes did:
 *   an event has one of the two, and numbers begin with 1, so that those of transcripts are the negative
 *   ones. Events of a call without a number are not held to be unique.
 * - `calls_live_by_caller` counts calls that this installation runs itself; those that others report are
 *   none of them.
 * - `jobs_by_target` is for people who page through deliveries, and not for jobs of ours.
 */
export async function up(db: Kysely<never>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  `create unique index events_of_call
    on events (call_id, coalesce(sequence, -transcript_sequence))`,
  'drop index events_by_call',
  'drop index events_sequence_once',
  'drop index events_transcript_sequence_once',
  'drop index calls_live_by_caller',
  `create index calls_live_by_caller on calls (from_number)
    where state <> 'ended' and provider = 'callwire'`,
  'drop index jobs_by_target',
  `create index jobs_by_target on jobs (target, position)
    where kind in ('webhook', 'crm_write', 'end_hook')`,
];
