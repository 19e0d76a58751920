import { type Kysely, sql } from 'kysely';

/**
 * What was spent is summed in the index alone: of other platforms' calls the cost is on their bill, and to
 * know whose a call is, each of a day was looked up in the table.
 */
export async function up(db: Kysely<never>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  'drop index calls_costing',
  `create index calls_costing
    on calls (ended_at, provider, cost_microusd)
    where cost_microusd is not null`,
];
