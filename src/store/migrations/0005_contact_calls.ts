import { type Kysely, sql } from 'kysely';

/** What a contact's calls were, kept with it: written in the transaction of each `call.completed`. */
export async function up(db: Kysely<never>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  'alter table contacts add column call_count integer not null default 0',
  'alter table contacts add column last_call_at integer',
  'alter table contacts add column last_call_duration integer',
  'alter table contacts add column last_outcome text',
];
