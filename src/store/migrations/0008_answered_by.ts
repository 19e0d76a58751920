import { type Kysely, sql } from 'kysely';

/** Who picked up an outbound call. */
export async function up(db: Kysely<never>): Promise<void> {
  await sql.raw('alter table calls add column answered_by text').execute(db);
}
