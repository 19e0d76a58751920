import { type Kysely, sql } from 'kysely';

/** Which calls a rule has made: what they lead to is watched more closely. */
export async function up(db: Kysely<never>): Promise<void> {
  await sql.raw('alter table calls add column made_by_rule integer').execute(db);
}
