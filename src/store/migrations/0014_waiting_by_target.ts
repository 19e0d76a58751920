import { type Kysely, sql } from 'kysely';

/**
 * Since when the oldest delivery waits is asked for each target by itself: what waits at a paused
 * endpoint is nobody's alarm, and walking past 1,000,000 of those in the order of time would take
 * the store's thread a second at every scrape of the metrics.
 */
export async function up(db: Kysely<never>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  'drop index jobs_waiting',
  `create index jobs_waiting on jobs (target, created_at) where state = 'waiting'`,
];
