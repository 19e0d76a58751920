import { type Kysely, sql } from 'kysely';

/** What platforms have told, until it is followed: see `report_inbox.ts`. Rows come and go. */
export async function up(db: Kysely<never>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  `create table reports (
    position integer primary key,
    call_id text not null,
    provider text not null,
    provider_call_id text not null,
    append text not null
  ) strict`,
];
