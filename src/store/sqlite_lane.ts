import type { Kysely, Transaction } from 'kysely';
import { CallwireError } from '../errors.ts';
import type { BackgroundLine } from './background_line.ts';
import { onConnection } from './prepared.ts';
import type { Tables } from './schema.ts';
import { storeError } from './sqlite_errors.ts';
import type { Durability } from './wal_sync.ts';

export interface LaneParts {
  readonly db: Kysely<Tables>;
  readonly wal: Durability;
  readonly line: BackgroundLine;
  readonly state: { closed: boolean };
  /** What is kept of the database may not be in it. */
  readonly rolledBack: () => void;
}

/**
 * How the store's work gets to its one connection: at once where somebody waits for it, in the background
 * line where nobody does. It stands there for as long as the connection is needed, and no longer: an
 * fsync is waited for outside.
 *
 * @throws (all of it) `STORE_CLOSED`, and what `storeError` makes of SQLite's errors.
 */
export class SqliteLane {
  readonly #parts: LaneParts;
  readonly inLine: <T>(work: () => Promise<T>) => Promise<T>;

  constructor(parts: LaneParts, kind: 'foreground' | 'background') {
    const { line } = parts;
    this.#parts = parts;
    this.inLine =
      kind === 'foreground' ? (work) => line.foreground(work) : (work) => line.background(work);
  }

  read<T>(query: (db: Kysely<Tables>) => Promise<T>): Promise<T> {
    return this.inLine(() => this.#guarded(() => query(this.#parts.db)));
  }

  /**
   * A transaction that a power cut may undo: for claims, successes and failures that are tried again, whose
   * loss costs one more attempt, for pruning and for renewals. The next fsync covers these as well.
   */
  unsynced<T>(work: (trx: Transaction<Tables>) => Promise<T>): Promise<T> {
    return this.inLine(() => this.commit(work));
  }

  /** Resolves when the transaction is on the disk; others are made meanwhile. */
  async transaction<T>(work: (trx: Transaction<Tables>) => Promise<T>): Promise<T> {
    const { wal } = this.#parts;
    const result = await this.unsynced(work);
    wal.wrote();
    await wal.durable();
    return result;
  }

  /** For who is in line already: the transaction, unsynced. */
  commit<T>(work: (trx: Transaction<Tables>) => Promise<T>): Promise<T> {
    return this.#guarded(() => {
      this.#parts.wal.check();
      return this.#parts.db
        .transaction()
        .execute((trx) => onConnection(trx, work))
        .catch((error: unknown) => {
          this.#parts.rolledBack();
          throw error;
        });
    });
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    if (this.#parts.state.closed) {
      throw new CallwireError('STORE_CLOSED', 'The store has been closed.');
    }
    try {
      return await work();
    } catch (error) {
      throw storeError(error);
    }
  }
}
