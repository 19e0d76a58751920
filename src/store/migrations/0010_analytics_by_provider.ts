import { type Kysely, sql } from 'kysely';

/** As `0007_analytics`, with the platform that ran the call. */
export async function up(db: Kysely<never>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  'drop index calls_completed',
  `create index calls_completed
    on calls (
      created_at, direction, agent_id, provider, outcome, answered_at, ended_at, cost_microusd
    )
    where outcome is not null`,
];
