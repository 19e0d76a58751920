import type { Kysely } from 'kysely';
import { DEFAULT_MIGRATION_TABLE, type Migration, Migrator } from 'kysely/migration';
import { CallwireError } from '../../errors.ts';
import type { Tables } from '../schema.ts';
import * as initial from './0001_initial.ts';
import * as endpoints from './0002_endpoints.ts';
import * as outbound from './0003_outbound.ts';
import * as pruning from './0004_pruning.ts';
import * as contactCalls from './0005_contact_calls.ts';
import * as rules from './0006_rules.ts';
import * as analytics from './0007_analytics.ts';
import * as answeredBy from './0008_answered_by.ts';
import * as reportedCalls from './0009_reported_calls.ts';
import * as analyticsByProvider from './0010_analytics_by_provider.ts';
import * as gateCounts from './0011_gate_counts.ts';
import * as answeredCallers from './0012_answered_callers.ts';
import * as fewerIndexPages from './0013_fewer_index_pages.ts';
import * as waitingByTarget from './0014_waiting_by_target.ts';
import * as fewerEventPages from './0015_fewer_event_pages.ts';
import * as reports from './0016_reports.ts';
import * as spendInIndex from './0017_spend_in_index.ts';

/** Every migration of SQLite, by its number. Released ones are never edited, renamed or removed. */
const MIGRATIONS: Record<string, Migration> = {
  '0001_initial': initial,
  '0002_endpoints': endpoints,
  '0003_outbound': outbound,
  '0004_pruning': pruning,
  '0005_contact_calls': contactCalls,
  '0006_rules': rules,
  '0007_analytics': analytics,
  '0008_answered_by': answeredBy,
  '0009_reported_calls': reportedCalls,
  '0010_analytics_by_provider': analyticsByProvider,
  '0011_gate_counts': gateCounts,
  '0012_answered_callers': answeredCallers,
  '0013_fewer_index_pages': fewerIndexPages,
  '0014_waiting_by_target': waitingByTarget,
  '0015_fewer_event_pages': fewerEventPages,
  '0016_reports': reports,
  '0017_spend_in_index': spendInIndex,
};

/**
 * Brings the database to this version's schema, each migration in a transaction.
 *
 * @throws `STORE_NEWER` when a newer Callwire has migrated it: what this version would write could
 * be wrong there, so nothing is touched.
 */
export async function migrate(db: Kysely<Tables>): Promise<void> {
  const unknown = (await appliedMigrations(db)).filter((name) => !(name in MIGRATIONS));
  if (unknown.length > 0) {
    throw new CallwireError(
      'STORE_NEWER',
      `The database was made by a newer Callwire: migration ${unknown.join(', ')} is unknown to this one.`,
      { remedy: 'Start the newer version again, or give this one a DATA_DIR of its own.' },
    );
  }
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve(MIGRATIONS) },
  });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}

async function appliedMigrations(db: Kysely<Tables>): Promise<string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some((table) => table.name === DEFAULT_MIGRATION_TABLE)) return [];
  const names = db as unknown as Kysely<{ [DEFAULT_MIGRATION_TABLE]: { name: string } }>;
  const rows = await names
    .selectFrom(DEFAULT_MIGRATION_TABLE)
    .select('name')
    .orderBy('name')
    .execute();
  return rows.map((row) => row.name);
}
