import { type Kysely, sql } from 'kysely';

/**
 * Every index that a row is in is one page more in the commit that writes it, of some twenty for a call
 * that is accepted. Idempotency keys go with their calls, so nobody looks for them by age; and jobs
 * without an event are not looked for by their event.
 */
export async function up(db: Kysely<never>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  'drop index idempotency_keys_by_age',
  'drop index jobs_by_event',
  'create index jobs_by_event on jobs (event_id) where event_id is not null',
];
