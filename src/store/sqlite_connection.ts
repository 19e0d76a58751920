import Database from 'better-sqlite3';
import {
  CompiledQuery,
  type DatabaseConnection,
  Kysely,
  SqliteAdapter,
  SqliteDialect,
  type SqliteDialectConfig,
  SqliteDriver,
  type SqliteStatement,
} from 'kysely';
import type { Tables } from './schema.ts';

/**
 * Opens the file the way every promise of the store needs it. Kysely serialises the transactions
 * of this one connection with a mutex, so operations may be called concurrently.
 *
 * - WAL with `synchronous=NORMAL`: a commit only writes. It is fsynced before anybody is promised it, and
 *   where that takes its time, beside this thread (`quick_sync.ts`, `wal_sync.ts`).
 * - `temp_store=MEMORY`: a savepoint keeps what its pages were, and beyond 64 KB, which is what opening a call
 *   comes to, in a file that is made and deleted for it: 0.3 of the 1.6 ms of such an append.
 * - `secure_delete`: what is deleted of persons is overwritten in the file, not merely unlinked.
 * - `busy_timeout`: only a person with the `sqlite3` shell can be in the way (DATA_DIR is locked).
 */
export function openSqliteConnection(
  file: string,
  { autocheckpointPages }: { autocheckpointPages?: number } = {},
): Kysely<Tables> {
  const database = new Database(file, { timeout: BUSY_TIMEOUT_MS });
  try {
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = NORMAL');
    database.pragma('foreign_keys = ON');
    database.pragma('temp_store = MEMORY');
    database.pragma('secure_delete = ON');
    database.pragma(`cache_size = -${CACHE_KIB}`);
    if (autocheckpointPages !== undefined) {
      database.pragma(`wal_autocheckpoint = ${autocheckpointPages}`);
    }
  } catch (error) {
    database.close();
    throw error;
  }
  return new Kysely<Tables>({ dialect: new ImmediateSqliteDialect(database) });
}

const BUSY_TIMEOUT_MS = 5_000;
/** SQLite's own 2 MiB do not hold the tops of the indexes of some 100,000 deliveries. */
const CACHE_KIB = 16 * 1024;
/** Lists of varying length make new statements; a cache that grew this far starts afresh. */
const MAX_CACHED_STATEMENTS = 500;

class ImmediateSqliteDialect extends SqliteDialect {
  readonly #config: SqliteDialectConfig;
  readonly #database: Database.Database;

  constructor(database: Database.Database) {
    const config = { database: withStatementCache(database) };
    super(config);
    this.#config = config;
    this.#database = database;
  }

  override createAdapter(): SqliteAdapter {
    return new TransactionalDdlAdapter();
  }

  override createDriver(): SqliteDriver {
    return new ImmediateSqliteDriver(this.#config, this.#database);
  }
}

/**
 * Kysely takes no SQLite for able to roll a migration back. SQLite is, and without it a migration
 * that a crash interrupts could neither go on nor be repeated.
 */
class TransactionalDdlAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/**
 * `BEGIN IMMEDIATE`, since a transaction that only takes the write lock at its first write cannot
 * be retried from there; and no `ROLLBACK` where SQLite has already rolled back by itself (a full
 * disk, an I/O error), which would hide the reason behind a second error.
 */
class ImmediateSqliteDriver extends SqliteDriver {
  readonly #database: Database.Database;

  constructor(config: SqliteDialectConfig, database: Database.Database) {
    super(config);
    this.#database = database;
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(BEGIN_IMMEDIATE);
  }

  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#database.inTransaction) await super.rollbackTransaction(connection);
  }
}

const BEGIN_IMMEDIATE = CompiledQuery.raw('begin immediate');

/** Kysely prepares anew for every execution; the same few dozen statements come again and again. */
function withStatementCache(database: Database.Database): {
  prepare(query: string): SqliteStatement;
  close(): void;
} {
  const statements = new Map<string, SqliteStatement>();
  return {
    prepare(query) {
      const known = statements.get(query);
      if (known !== undefined) return known;
      if (statements.size >= MAX_CACHED_STATEMENTS) statements.clear();
      const statement = database.prepare(query) as unknown as SqliteStatement;
      statements.set(query, statement);
      return statement;
    },
    close: () => void database.close(),
  };
}
