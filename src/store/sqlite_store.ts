import { join } from 'node:path';
import type { Kysely, Transaction } from 'kysely';
import { CallwireError } from '../errors.ts';
import { type AppendOptions, appendBatch, type DefaultEndpoint } from './append.ts';
import { countLiveCalls, getCall, listCalls } from './calls.ts';
import {
  addContactEntry,
  findContacts,
  getContact,
  importContacts,
  listContactEntries,
} from './contacts.ts';
import { type DataDirLock, lockDataDir } from './data_dir_lock.ts';
import { listDeliveries, replayDeliveries } from './deliveries.ts';
import type { EventComposer } from './event_composer.ts';
import { eventsAfter, listCallEvents, listFacts } from './event_log.ts';
import { claimJobs, listAttempts, nextDueAt, releaseClaims, settleJob } from './jobs.ts';
import { abandonedCalls, expireLeases, renewLeases, takeOver } from './leases.ts';
import { migrate } from './migrations/index.ts';
import type { Tables } from './schema.ts';
import { openSqliteConnection } from './sqlite_connection.ts';
import { storeError } from './sqlite_errors.ts';
import type { Append, AppendResult, Settlement, Store } from './store.ts';

export interface SqliteStoreOptions {
  /** Made where it is missing (0700) and locked for this process. */
  dataDir: string;
  composer: EventComposer;
  /** The endpoint of the environment, `null` while none is configured. */
  defaultEndpoint: DefaultEndpoint | null;
  /** What a second process is told holds DATA_DIR (Default: this process's npm script or file) */
  command?: string;
  /** Milliseconds; leases and claims are judged by it (Default: `Date.now`) */
  clock?: () => number;
  /** Life of the lease that opens a call, milliseconds (Default: 30 s) */
  openLeaseMs?: number;
}

export const DATABASE_FILE = 'callwire.db';

/**
 * The store of one process: locks DATA_DIR, opens and migrates the file, and works on the thread
 * that calls it. better-sqlite3 blocks for every fsync, so a process that does anything else runs
 * it in a thread of its own (`store_thread.ts`).
 *
 * @throws `DATA_DIR_LOCKED`, `STORE_CORRUPT`, `STORE_NEWER`, `STORE_NOT_WRITABLE`, `STORE_FULL`,
 * `STORE_IO`; nothing is left locked or open then.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const lock = lockDataDir(options.dataDir, options.command);
  let db: Kysely<Tables> | undefined;
  try {
    db = openSqliteConnection(join(options.dataDir, DATABASE_FILE));
    await migrate(db);
    return new SqliteStore(db, lock, {
      composer: options.composer,
      defaultEndpoint: options.defaultEndpoint,
      clock: options.clock ?? Date.now,
      openLeaseMs: options.openLeaseMs ?? 30_000,
    });
  } catch (error) {
    await db?.destroy().catch(() => {});
    lock.release();
    throw storeError(error);
  }
}

class SqliteStore implements Store {
  readonly #db: Kysely<Tables>;
  readonly #lock: DataDirLock;
  readonly #options: AppendOptions;
  readonly #jobListeners = new Set<() => void>();
  #closed = false;

  constructor(db: Kysely<Tables>, lock: DataDirLock, options: AppendOptions) {
    this.#db = db;
    this.#lock = lock;
    this.#options = options;
  }

  async append(batch: readonly Append[]): Promise<AppendResult[]> {
    const { results, madeJobs } = await this.#transaction((trx) =>
      appendBatch(trx, batch, this.#options),
    );
    if (madeJobs) this.#announceJobs();
    return results;
  }

  renewLeases: Store['renewLeases'] = (held, leaseMs) =>
    this.#transaction((trx) => renewLeases(trx, held, this.#now() + leaseMs));

  expireLeases: Store['expireLeases'] = (held) =>
    this.#transaction((trx) => expireLeases(trx, held, this.#now()));

  abandonedCalls: Store['abandonedCalls'] = (limit) =>
    this.#read((db) => abandonedCalls(db, this.#now(), limit));

  takeOver: Store['takeOver'] = (callId, leaseMs) =>
    this.#transaction((trx) => takeOver(trx, callId, this.#now(), leaseMs));

  getCall: Store['getCall'] = (callId) => this.#read((db) => getCall(db, callId));

  listCalls: Store['listCalls'] = (query) => this.#read((db) => listCalls(db, query));

  countLiveCalls: Store['countLiveCalls'] = (from) => this.#read((db) => countLiveCalls(db, from));

  listCallEvents: Store['listCallEvents'] = (callId) =>
    this.#read((db) => listCallEvents(db, callId));

  eventsAfter: Store['eventsAfter'] = (position, limit) =>
    this.#read((db) => eventsAfter(db, position, limit));

  listFacts: Store['listFacts'] = (callId) => this.#read((db) => listFacts(db, callId));

  claimJobs: Store['claimJobs'] = (query) =>
    this.#transaction((trx) => claimJobs(trx, { ...query, now: this.#now() }));

  async settleJobs(settlements: readonly Settlement[]): Promise<void> {
    const madeJobs = await this.#transaction((trx) => this.#settle(trx, settlements));
    if (madeJobs) this.#announceJobs();
  }

  releaseClaims: Store['releaseClaims'] = () =>
    this.#transaction((trx) => releaseClaims(trx, this.#now()));

  nextDueAt: Store['nextDueAt'] = () => this.#read(nextDueAt);

  listDeliveries: Store['listDeliveries'] = (query) =>
    this.#read((db) => listDeliveries(db, query));

  listAttempts: Store['listAttempts'] = (jobId) => this.#read((db) => listAttempts(db, jobId));

  async replayDeliveries(query: Parameters<Store['replayDeliveries']>[0]): Promise<string[]> {
    const ids = await this.#transaction((trx) => replayDeliveries(trx, query, this.#now()));
    if (ids.length > 0) this.#announceJobs();
    return ids;
  }

  findContacts: Store['findContacts'] = (query) => this.#read((db) => findContacts(db, query));

  getContact: Store['getContact'] = (id) => this.#read((db) => getContact(db, id));

  importContacts: Store['importContacts'] = (contacts) =>
    this.#transaction((trx) => importContacts(trx, contacts, this.#now()));

  addContactEntry: Store['addContactEntry'] = (entry) =>
    this.#transaction((trx) => addContactEntry(trx, entry, this.#now()));

  listContactEntries: Store['listContactEntries'] = (contactId) =>
    this.#read((db) => listContactEntries(db, contactId));

  onJobs(listener: () => void): () => void {
    this.#jobListeners.add(listener);
    return () => void this.#jobListeners.delete(listener);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#jobListeners.clear();
    await this.#db.destroy();
    this.#lock.release();
  }

  /** Results with an append go one by one, since each append must know whether its claim held. */
  async #settle(trx: Transaction<Tables>, settlements: readonly Settlement[]): Promise<boolean> {
    let madeJobs = false;
    for (const settlement of settlements) {
      const held = await settleJob(trx, settlement);
      if (!held || settlement.append === undefined) continue;
      const appended = await appendBatch(trx, [settlement.append], this.#options);
      for (const result of appended.results) refuseUnlessAppended(result);
      madeJobs ||= appended.madeJobs;
    }
    return madeJobs;
  }

  #now(): number {
    return this.#options.clock();
  }

  #announceJobs(): void {
    for (const listener of this.#jobListeners) listener();
  }

  async #read<T>(query: (db: Kysely<Tables>) => Promise<T>): Promise<T> {
    return await this.#guarded(() => query(this.#db));
  }

  async #transaction<T>(work: (trx: Transaction<Tables>) => Promise<T>): Promise<T> {
    return await this.#guarded(() => this.#db.transaction().execute(work));
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new CallwireError('STORE_CLOSED', 'The store has been closed.');
    try {
      return await work();
    } catch (error) {
      throw storeError(error);
    }
  }
}

function refuseUnlessAppended(result: AppendResult): void {
  if (result.status === 'appended') return;
  const reason = result.status === 'fenced' ? 'fenced' : `${result.code}: ${result.message}`;
  throw new CallwireError('STORE_APPEND_REFUSED', `A settlement's append was refused (${reason})`);
}
