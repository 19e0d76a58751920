import { type Kysely, sql } from 'kysely';

/**
 * What `GET /v1/analytics` adds up, and nothing else: it is read from the index alone. A call comes into
 * it when it is completed, so the appends of running calls do not write it.
 */
export async function up(db: Kysely<never>): Promise<void> {
  await sql
    .raw(
      `create index calls_completed
        on calls (created_at, direction, agent_id, outcome, answered_at, ended_at, cost_microusd)
        where outcome is not null`,
    )
    .execute(db);
}
