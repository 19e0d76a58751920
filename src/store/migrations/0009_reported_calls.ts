import { type Kysely, sql } from 'kysely';

/**
 * Calls that another platform ran, of which we are told. They stand beside our own, known by the
 * platform's id: whichever report of a call comes first opens it, and the others find it.
 */
export async function up(db: Kysely<never>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  `alter table calls add column provider text not null default 'callwire'`,
  `alter table calls add column provider_call_id text`,
  `create unique index calls_by_provider on calls (provider, provider_call_id)
    where provider_call_id is not null`,
];
