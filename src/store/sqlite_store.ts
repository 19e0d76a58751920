import { join } from 'node:path';
import { type Kysely, sql, type Transaction } from 'kysely';
import { CallwireError } from '../errors.ts';
import * as apiKeys from './api_keys.ts';
import { appendBatch } from './append.ts';
import { callFigures } from './call_figures.ts';
import { callsOfRoom, countLiveCalls, getCall, listCalls } from './calls.ts';
import { LAST_RESORT_PAGES, startCheckpoints } from './checkpoints.ts';
import { claimJobs, nextDueAt, releaseClaims } from './claims.ts';
import {
  addContactEntry,
  deleteContact,
  findContacts,
  getContact,
  importContacts,
  listContactEntries,
  listContacts,
  saveContact,
  updateContact,
} from './contacts.ts';
import { type DataDirLock, lockDataDir } from './data_dir_lock.ts';
import type { DefaultEndpoint } from './default_endpoint.ts';
import { deliveryBacklog, getDelivery, listDeliveries, replayDeliveries } from './deliveries.ts';
import * as endpoints from './endpoints.ts';
import type { EventComposer } from './event_composer.ts';
import { eventsAfter, lastPosition, listCallEvents, listFacts } from './event_log.ts';
import { listAttempts } from './jobs.ts';
import {
  abandonedCalls,
  expireLeases,
  heldLeases,
  renewLeases,
  silentCalls,
  takeOver,
} from './leases.ts';
import { migrate } from './migrations/index.ts';
import * as outbound from './outbound_calls.ts';
import { prune } from './pruning.ts';
import { recallJobs } from './recalled_jobs.ts';
import * as recordings from './recordings.ts';
import { redactCall } from './redaction.ts';
import type { Tables } from './schema.ts';
import { type SettlementOptions, settleJobs } from './settlements.ts';
import { spokenWithSince } from './spoken_with.ts';
import { openSqliteConnection } from './sqlite_connection.ts';
import { storeError } from './sqlite_errors.ts';
import type { Append, AppendResult, JobListener, Settlement, Store } from './store.ts';
import * as suppressions from './suppressions.ts';
import { testEndpoint } from './test_event.ts';
import * as triggers from './triggers.ts';
import { reserveWal } from './wal_reserve.ts';

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
  /** An endpoint that has only failed for this long is disabled, milliseconds (Default: 5 days) */
  endpointDisableAfterMs?: number;
  /** The contacts of this database are the CRM's, and learn of each call. (Default: true) */
  ownContacts?: boolean;
  /** Checkpoints are made by another thread, not inside of commits. (Default: false) */
  checkpointsBeside?: boolean;
}

const FIVE_DAYS_MS = 5 * 24 * 3_600_000;

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
  const file = join(options.dataDir, DATABASE_FILE);
  const beside = options.checkpointsBeside ?? false;
  let db: Kysely<Tables> | undefined;
  try {
    db = openSqliteConnection(file, beside ? { autocheckpointPages: LAST_RESORT_PAGES } : {});
    await migrate(db);
    if (beside) reserveWal(file);
    const checkpoints = beside ? startCheckpoints({ file }) : undefined;
    return new SqliteStore(db, lock, checkpoints, {
      composer: options.composer,
      defaultEndpoint: options.defaultEndpoint,
      clock: options.clock ?? Date.now,
      openLeaseMs: options.openLeaseMs ?? 30_000,
      endpointDisableAfterMs: options.endpointDisableAfterMs ?? FIVE_DAYS_MS,
      ownContacts: options.ownContacts ?? true,
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
  readonly #checkpoints: { stop(): Promise<void> } | undefined;
  readonly #options: SettlementOptions;
  readonly #jobListeners = new Set<JobListener>();
  #closed = false;

  constructor(
    db: Kysely<Tables>,
    lock: DataDirLock,
    checkpoints: { stop(): Promise<void> } | undefined,
    options: SettlementOptions,
  ) {
    this.#db = db;
    this.#lock = lock;
    this.#checkpoints = checkpoints;
    this.#options = options;
  }

  async append(batch: readonly Append[]): Promise<AppendResult[]> {
    const { results, firstDueAt } = await this.#transaction((trx) =>
      appendBatch(trx, batch, this.#options),
    );
    if (firstDueAt !== null) this.#announceJobs(firstDueAt);
    return results;
  }

  // A power cut ends the calls as well.
  renewLeases: Store['renewLeases'] = (held, leaseMs) =>
    this.#unsynced((trx) => renewLeases(trx, held, this.#now() + leaseMs));

  expireLeases: Store['expireLeases'] = (held) =>
    this.#transaction((trx) => expireLeases(trx, held, this.#now()));

  heldLeases: Store['heldLeases'] = () => this.#read(heldLeases);

  abandonedCalls: Store['abandonedCalls'] = (limit) =>
    this.#read((db) => abandonedCalls(db, this.#now(), limit));

  silentCalls: Store['silentCalls'] = (limit) =>
    this.#read((db) => silentCalls(db, this.#now(), limit));

  takeOver: Store['takeOver'] = (callId, leaseMs) =>
    this.#transaction((trx) => takeOver(trx, callId, this.#now(), leaseMs));

  getCall: Store['getCall'] = (callId) => this.#read((db) => getCall(db, callId));

  listCalls: Store['listCalls'] = (query) => this.#read((db) => listCalls(db, query));

  callsOfRoom: Store['callsOfRoom'] = (room, since) =>
    this.#read((db) => callsOfRoom(db, room, since));

  spokenWithSince: Store['spokenWithSince'] = (query) =>
    this.#read((db) => spokenWithSince(db, query));

  countLiveCalls: Store['countLiveCalls'] = (from) => this.#read((db) => countLiveCalls(db, from));

  listCallEvents: Store['listCallEvents'] = (callId) =>
    this.#read((db) => listCallEvents(db, callId));

  eventsAfter: Store['eventsAfter'] = (position, limit) =>
    this.#read((db) => eventsAfter(db, position, limit));

  lastPosition: Store['lastPosition'] = () => this.#read(lastPosition);

  listFacts: Store['listFacts'] = (callId) => this.#read((db) => listFacts(db, callId));

  callFigures: Store['callFigures'] = (query) => this.#read((db) => callFigures(db, query));

  claimJobs: Store['claimJobs'] = (query) =>
    this.#unsynced((trx) => claimJobs(trx, { ...query, now: this.#now() }));

  async settleJobs(settlements: readonly Settlement[]): Promise<void> {
    const allDelivered = settlements.every(({ next, append }) => next.state === 'done' && !append);
    const write = (trx: Transaction<Tables>) => settleJobs(trx, settlements, this.#options);
    const moreToDo = await (allDelivered ? this.#unsynced(write) : this.#transaction(write));
    if (moreToDo) this.#announceJobs();
  }

  releaseClaims: Store['releaseClaims'] = () =>
    this.#transaction((trx) => releaseClaims(trx, this.#now()));

  nextDueAt: Store['nextDueAt'] = () => this.#read(nextDueAt);

  recallJobs: Store['recallJobs'] = ({ longestWaitMs }) =>
    this.#unsynced((trx) => recallJobs(trx, { now: this.#now(), longestWaitMs }));

  listDeliveries: Store['listDeliveries'] = (query) =>
    this.#read((db) => listDeliveries(db, query));

  getDelivery: Store['getDelivery'] = (id) => this.#read((db) => getDelivery(db, id));

  deliveryBacklog: Store['deliveryBacklog'] = () => this.#read(deliveryBacklog);

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

  listContacts: Store['listContacts'] = (query) => this.#read((db) => listContacts(db, query));

  saveContact: Store['saveContact'] = (contact) =>
    this.#transaction((trx) => saveContact(trx, contact, this.#now()));

  updateContact: Store['updateContact'] = (id, patch) =>
    this.#transaction((trx) => updateContact(trx, id, patch));

  deleteContact: Store['deleteContact'] = (id) =>
    this.#transaction((trx) => deleteContact(trx, id));

  // Written by jobs: a power cut that undoes it undoes the settlement of its job behind it as well.
  addContactEntry: Store['addContactEntry'] = (entry) =>
    this.#unsynced((trx) => addContactEntry(trx, entry, this.#now()));

  listContactEntries: Store['listContactEntries'] = (contactId) =>
    this.#read((db) => listContactEntries(db, contactId));

  createEndpoint: Store['createEndpoint'] = (endpoint) =>
    this.#transaction((trx) => endpoints.createEndpoint(trx, endpoint));

  getEndpoint: Store['getEndpoint'] = (id) => this.#read((db) => endpoints.getEndpoint(db, id));

  listEndpoints: Store['listEndpoints'] = (query) =>
    this.#read((db) => endpoints.listEndpoints(db, query));

  updateEndpoint: Store['updateEndpoint'] = async (id, patch) => {
    const endpoint = await this.#transaction((trx) => endpoints.updateEndpoint(trx, id, patch));
    // What waited for it may go.
    if (endpoint !== null && patch.status === 'active') this.#announceJobs();
    return endpoint;
  };

  deleteEndpoint: Store['deleteEndpoint'] = (id) =>
    this.#transaction((trx) => endpoints.deleteEndpoint(trx, id));

  rotateEndpointSecret: Store['rotateEndpointSecret'] = (id, next) =>
    this.#transaction((trx) => endpoints.rotateEndpointSecret(trx, id, next));

  resealSecrets: Store['resealSecrets'] = (replacements) =>
    this.#transaction((trx) => endpoints.resealSecrets(trx, replacements));

  testEndpoint: Store['testEndpoint'] = async (id) => {
    const delivery = await this.#transaction((trx) => testEndpoint(trx, id, this.#options));
    if (delivery !== null) this.#announceJobs();
    return delivery;
  };

  createTrigger: Store['createTrigger'] = (trigger) =>
    this.#transaction((trx) => triggers.createTrigger(trx, trigger));

  getTrigger: Store['getTrigger'] = (id) => this.#read((db) => triggers.getTrigger(db, id));

  listTriggers: Store['listTriggers'] = (query) =>
    this.#read((db) => triggers.listTriggers(db, query));

  deleteTrigger: Store['deleteTrigger'] = (id) =>
    this.#transaction((trx) => triggers.deleteTrigger(trx, id));

  createApiKey: Store['createApiKey'] = (key) =>
    this.#transaction((trx) => apiKeys.createApiKey(trx, key));

  findApiKey: Store['findApiKey'] = (hash) => this.#read((db) => apiKeys.findApiKey(db, hash));

  listApiKeys: Store['listApiKeys'] = () => this.#read(apiKeys.listApiKeys);

  revokeApiKey: Store['revokeApiKey'] = (id) =>
    this.#transaction((trx) => apiKeys.revokeApiKey(trx, id, this.#now()));

  redactCall: Store['redactCall'] = (callId) =>
    this.#transaction((trx) => redactCall(trx, callId, this.#options.composer, this.#now()));

  // What a power cut brings back is pruned again.
  prune: Store['prune'] = (query) => this.#unsynced((trx) => prune(trx, query));

  acceptanceFacts: Store['acceptanceFacts'] = (query) =>
    this.#read((db) => outbound.acceptanceFacts(db, query));

  diallingFacts: Store['diallingFacts'] = (query) =>
    this.#read((db) => outbound.diallingFacts(db, query));

  findIdempotent: Store['findIdempotent'] = (query) =>
    this.#read((db) => outbound.findIdempotent(db, query));

  takeForDialling: Store['takeForDialling'] = (callId, leaseMs) =>
    this.#transaction((trx) => outbound.takeForDialling(trx, callId, this.#now(), leaseMs));

  recordGate: Store['recordGate'] = (callId, gate) =>
    this.#transaction((trx) => outbound.recordGate(trx, callId, gate));

  addSuppression: Store['addSuppression'] = (suppression) =>
    this.#transaction((trx) => suppressions.addSuppression(trx, suppression));

  importSuppressions: Store['importSuppressions'] = (list) =>
    this.#transaction((trx) => suppressions.importSuppressions(trx, list));

  getSuppression: Store['getSuppression'] = (idOrPhone) =>
    this.#read((db) => suppressions.getSuppression(db, idOrPhone));

  listSuppressions: Store['listSuppressions'] = (query) =>
    this.#read((db) => suppressions.listSuppressions(db, query));

  deleteSuppression: Store['deleteSuppression'] = (idOrPhone) =>
    this.#transaction((trx) => suppressions.deleteSuppression(trx, idOrPhone));

  getRecording: Store['getRecording'] = (callId) =>
    this.#read((db) => recordings.getRecording(db, callId));

  recordingsToDelete: Store['recordingsToDelete'] = (query) =>
    this.#read((db) => recordings.recordingsToDelete(db, query));

  recordingDeleted: Store['recordingDeleted'] = (callId) =>
    this.#transaction((trx) => recordings.recordingDeleted(trx, callId));

  onJobs(listener: JobListener): () => void {
    this.#jobListeners.add(listener);
    return () => void this.#jobListeners.delete(listener);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#jobListeners.clear();
    // Before ours: the last connection to close copies what is left and removes the WAL.
    await this.#checkpoints?.stop();
    await this.#db.destroy();
    this.#lock.release();
  }

  #now(): number {
    return this.#options.clock();
  }

  #announceJobs(dueAt = this.#now()): void {
    for (const listener of this.#jobListeners) listener(dueAt);
  }

  async #read<T>(query: (db: Kysely<Tables>) => Promise<T>): Promise<T> {
    return await this.#guarded(() => query(this.#db));
  }

  /**
   * A transaction that a power cut may undo: for claims and plain successes, whose loss costs one
   * more delivery of the same event, for pruning and for renewals. Two fsyncs less for each delivery are two less that the appends
   * of running calls wait behind. The next append's fsync covers these as well.
   */
  async #unsynced<T>(work: (trx: Transaction<Tables>) => Promise<T>): Promise<T> {
    return await this.#guarded(() =>
      this.#db.connection().execute(async (connection) => {
        await sql`pragma synchronous = normal`.execute(connection);
        try {
          return await connection.transaction().execute(work);
        } finally {
          await sql`pragma synchronous = full`.execute(connection);
        }
      }),
    );
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
