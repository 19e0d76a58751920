import { type Kysely, sql } from 'kysely';

/** For whether somebody was spoken with since: their calls in, like `calls_dialled_to` for those out. */
export async function up(db: Kysely<never>): Promise<void> {
  await sql
    .raw(
      `create index calls_answered_from on calls (from_number, answered_at)
        where direction = 'inbound' and answered_at is not null`,
    )
    .execute(db);
}
