import { type Kysely, sql } from 'kysely';

/**
 * What pruning goes by: the end of a call, and the time of an event that belongs to none. Deliveries
 * go with their calls, so when one was settled is not asked any more. `idempotency_keys_by_call` is
 * for the foreign key of a call that goes.
 */
export async function up(db: Kysely<never>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  `create index calls_ended on calls (ended_at, id) where ended_at is not null`,
  `create index events_of_no_call on events (time, id) where call_id is null`,
  `create index idempotency_keys_by_call on idempotency_keys (call_id)`,
  `drop index jobs_settled`,
  `alter table jobs drop column settled_at`,
];
