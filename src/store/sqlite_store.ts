import { join } from 'node:path';
import type { Kysely, Transaction } from 'kysely';
import * as apiKeys from './api_keys.ts';
import { appendBatch } from './append.ts';
import { BackgroundLine } from './background_line.ts';
import { callFigures } from './call_figures.ts';
import { callsOfRoom, countLiveCalls, getCall, listCalls } from './calls.ts';
import { CallsByKey } from './calls_by_key.ts';
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
import { Subscriptions } from './fan_out.ts';
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
import { ReportFollower } from './report_follower.ts';
import { isReport, ReportInbox } from './report_inbox.ts';
import type { Tables } from './schema.ts';
import { type SettlementOptions, settleJobs } from './settlements.ts';
import { spokenWithSince } from './spoken_with.ts';
import { openSqliteConnection } from './sqlite_connection.ts';
import { storeError } from './sqlite_errors.ts';
import { type LaneParts, SqliteLane } from './sqlite_lane.ts';
import type { Append, AppendResult, JobListener, Settlement, Store } from './store.ts';
import * as suppressions from './suppressions.ts';
import { testEndpoint } from './test_event.ts';
import * as triggers from './triggers.ts';
import { reserveWal } from './wal_reserve.ts';
import { type Durability, WalSync } from './wal_sync.ts';

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
  /** Who makes commits durable. (Default: the store) */
  durability?: Durability;
}

export interface SqliteStores extends Store {
  /** The same store, for work that nobody waits for: the calls of the other pass it. */
  readonly background: Store;
}

/** Under load more may wait, and lists then lack them for a moment. */
const FOLLOWED_BEFORE_LISTS = 32;
const FIVE_DAYS_MS = 5 * 24 * 3_600_000;

export const DATABASE_FILE = 'callwire.db';

/**
 * The store of one process: locks DATA_DIR, opens and migrates the file, and works on the thread
 * that calls it. better-sqlite3 blocks for all that it does, so a process that does anything else runs
 * it in a thread of its own (`store_thread.ts`).
 *
 * @throws `DATA_DIR_LOCKED`, `STORE_CORRUPT`, `STORE_NEWER`, `STORE_NOT_WRITABLE`, `STORE_FULL`,
 * `STORE_IO`; nothing is left locked or open then.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStores> {
  const lock = lockDataDir(options.dataDir, options.command);
  const file = join(options.dataDir, DATABASE_FILE);
  const beside = options.checkpointsBeside ?? false;
  let db: Kysely<Tables> | undefined;
  let wal: Durability | undefined;
  try {
    db = openSqliteConnection(file, beside ? { autocheckpointPages: LAST_RESORT_PAGES } : {});
    await migrate(db);
    if (beside) reserveWal(file);
    wal = options.durability ?? (await WalSync.open(file));
    const inbox = await ReportInbox.open(db);
    const checkpoints = beside ? startCheckpoints({ file }) : undefined;
    const callsByKey = new CallsByKey();
    const store = new SqliteStore({
      db,
      lock,
      checkpoints,
      inbox,
      wal,
      line: new BackgroundLine(),
      options: {
        composer: options.composer,
        defaultEndpoint: options.defaultEndpoint,
        subscriptions: new Subscriptions(),
        callsByKey,
        clock: options.clock ?? Date.now,
        openLeaseMs: options.openLeaseMs ?? 30_000,
        endpointDisableAfterMs: options.endpointDisableAfterMs ?? FIVE_DAYS_MS,
        ownContacts: options.ownContacts ?? true,
      },
      jobListeners: new Set(),
      lastAppend: Promise.resolve(),
      closing: false,
      state: { closed: false },
      rolledBack: () => callsByKey.forget(),
    });
    store.followReports();
    return store;
  } catch (error) {
    await wal?.close().catch(() => {});
    await db?.destroy().catch(() => {});
    lock.release();
    throw storeError(error);
  }
}

/** What the store is for those who wait and for those who do not. */
interface Shared extends LaneParts {
  readonly lock: DataDirLock;
  readonly checkpoints: { stop(): Promise<void> } | undefined;
  readonly inbox: ReportInbox;
  readonly options: SettlementOptions;
  readonly jobListeners: Set<JobListener>;
  follower?: ReportFollower;
  lastAppend: Promise<unknown>;
  closing: boolean;
}

class SqliteStore implements SqliteStores {
  readonly #inbox: ReportInbox;
  readonly #wal: Durability;
  readonly #options: SettlementOptions;
  readonly #shared: Shared;
  readonly #lane: SqliteLane;
  readonly background: Store;

  constructor(shared: Shared, kind: 'foreground' | 'background' = 'foreground') {
    const { line, inbox } = shared;
    this.#shared = shared;
    this.background = kind === 'background' ? this : new SqliteStore(shared, 'background');
    shared.follower ??= new ReportFollower({
      inbox,
      follow: (positions, isEnough) => this.#follow(positions, isEnough),
      isPressed: () => line.isPressed(),
      inBackground: (work) => line.background(work),
    });
    this.#inbox = inbox;
    this.#wal = shared.wal;
    this.#options = shared.options;
    this.#lane = new SqliteLane(shared, kind);
  }

  /** Goes on with those that another process has taken. */
  followReports(): void {
    this.#shared.follower?.wake();
  }

  async append(batch: readonly Append[]): Promise<AppendResult[]> {
    // One behind the other, so that what one has taken is known to the next.
    const appended = this.#shared.lastAppend.then(() => this.#append(batch));
    this.#shared.lastAppend = appended.catch(() => undefined);
    const { results, firstDueAt } = await appended;
    await this.#wal.durable();
    if (firstDueAt !== null) this.#announceJobs(firstDueAt);
    return results;
  }

  async #append(batch: readonly Append[]) {
    const reports = batch.filter(isReport);
    const others = batch.filter((entry) => !isReport(entry));
    for (const { callId } of others) if (callId !== null) await this.#followCall(callId);
    const { told, appended } = await this.#lane.unsynced(async (trx) => ({
      told: await this.#inbox.take(trx, reports),
      appended: await appendBatch(trx, others, this.#options),
    }));
    this.#wal.wrote();
    this.#inbox.keep(told.taken);
    this.followReports();
    const next = { reports: told.results.values(), others: appended.results.values() };
    const results = batch.map(
      (entry) => next[isReport(entry) ? 'reports' : 'others'].next().value as AppendResult,
    );
    return { results, firstDueAt: appended.firstDueAt };
  }

  // A power cut ends the calls as well.
  renewLeases: Store['renewLeases'] = (held, leaseMs) =>
    this.#lane.unsynced((trx) => renewLeases(trx, held, this.#now() + leaseMs));

  expireLeases: Store['expireLeases'] = (held) =>
    this.#lane.transaction((trx) => expireLeases(trx, held, this.#now()));

  heldLeases: Store['heldLeases'] = () => this.#lane.read(heldLeases);

  abandonedCalls: Store['abandonedCalls'] = (limit) =>
    this.#lane.read((db) => abandonedCalls(db, this.#now(), limit));

  silentCalls: Store['silentCalls'] = async (limit) => {
    const silent = () => this.#lane.read((db) => silentCalls(db, this.#now(), limit));
    const callIds = await silent();
    const heard = callIds.filter((callId) => this.#inbox.ofCall(callId).length > 0);
    if (heard.length === 0) return callIds;
    for (const callId of heard) await this.#followCall(callId);
    return await silent();
  };

  takeOver: Store['takeOver'] = (callId, leaseMs) =>
    this.#lane.transaction((trx) => takeOver(trx, callId, this.#now(), leaseMs));

  getCall: Store['getCall'] = (callId) => this.#readOfCall(callId, (db) => getCall(db, callId));

  listCalls: Store['listCalls'] = async (query) => {
    const waiting = this.#inbox.next(FOLLOWED_BEFORE_LISTS);
    if (waiting.length > 0) await this.#lane.inLine(() => this.#follow(waiting));
    return await this.#lane.read((db) => listCalls(db, query));
  };

  callsOfRoom: Store['callsOfRoom'] = (room, since) =>
    this.#lane.read((db) => callsOfRoom(db, room, since));

  spokenWithSince: Store['spokenWithSince'] = (query) =>
    this.#lane.read((db) => spokenWithSince(db, query));

  countLiveCalls: Store['countLiveCalls'] = (from) =>
    this.#lane.read((db) => countLiveCalls(db, from));

  listCallEvents: Store['listCallEvents'] = (callId) =>
    this.#readOfCall(callId, (db) => listCallEvents(db, callId));

  eventsAfter: Store['eventsAfter'] = (position, limit) =>
    this.#lane.read((db) => eventsAfter(db, position, limit));

  lastPosition: Store['lastPosition'] = () => this.#lane.read(lastPosition);

  listFacts: Store['listFacts'] = (callId) =>
    this.#readOfCall(callId, (db) => listFacts(db, callId));

  callFigures: Store['callFigures'] = (query) => this.#lane.read((db) => callFigures(db, query));

  claimJobs: Store['claimJobs'] = async (query) => {
    const claimed = await this.#lane.unsynced((trx) =>
      claimJobs(trx, { ...query, now: this.#now() }),
    );
    // Nobody is told of what a power cut could undo.
    if (claimed.length > 0) await this.#wal.durable();
    return claimed;
  };

  async settleJobs(settlements: readonly Settlement[]): Promise<void> {
    const mayBeUndone = settlements.every(
      ({ next, append }) => next.state !== 'exhausted' && !append,
    );
    const write = (trx: Transaction<Tables>) => settleJobs(trx, settlements, this.#options);
    const moreToDo = await (mayBeUndone
      ? this.#lane.unsynced(write)
      : this.#lane.transaction(write));
    if (moreToDo) this.#announceJobs();
  }

  releaseClaims: Store['releaseClaims'] = () =>
    this.#lane.transaction((trx) => releaseClaims(trx, this.#now()));

  nextDueAt: Store['nextDueAt'] = () => this.#lane.read(nextDueAt);

  recallJobs: Store['recallJobs'] = ({ longestWaitMs }) =>
    this.#lane.unsynced((trx) => recallJobs(trx, { now: this.#now(), longestWaitMs }));

  listDeliveries: Store['listDeliveries'] = (query) =>
    this.#lane.read((db) => listDeliveries(db, query));

  getDelivery: Store['getDelivery'] = (id) => this.#lane.read((db) => getDelivery(db, id));

  deliveryBacklog: Store['deliveryBacklog'] = () => this.#lane.read(deliveryBacklog);

  listAttempts: Store['listAttempts'] = (jobId) => this.#lane.read((db) => listAttempts(db, jobId));

  async replayDeliveries(query: Parameters<Store['replayDeliveries']>[0]): Promise<string[]> {
    const ids = await this.#lane.transaction((trx) => replayDeliveries(trx, query, this.#now()));
    if (ids.length > 0) this.#announceJobs();
    return ids;
  }

  findContacts: Store['findContacts'] = (query) => this.#lane.read((db) => findContacts(db, query));

  getContact: Store['getContact'] = (id) => this.#lane.read((db) => getContact(db, id));

  importContacts: Store['importContacts'] = (contacts) =>
    this.#lane.transaction((trx) => importContacts(trx, contacts, this.#now()));

  listContacts: Store['listContacts'] = (query) => this.#lane.read((db) => listContacts(db, query));

  saveContact: Store['saveContact'] = (contact) =>
    this.#lane.transaction((trx) => saveContact(trx, contact, this.#now()));

  updateContact: Store['updateContact'] = (id, patch) =>
    this.#lane.transaction((trx) => updateContact(trx, id, patch));

  deleteContact: Store['deleteContact'] = (id) =>
    this.#lane.transaction((trx) => deleteContact(trx, id));

  // Written by jobs: a power cut that undoes it undoes the settlement of its job behind it as well.
  addContactEntry: Store['addContactEntry'] = (entry) =>
    this.#lane.unsynced((trx) => addContactEntry(trx, entry, this.#now()));

  listContactEntries: Store['listContactEntries'] = (contactId) =>
    this.#lane.read((db) => listContactEntries(db, contactId));

  createEndpoint: Store['createEndpoint'] = (endpoint) =>
    this.#resubscribing((trx) => endpoints.createEndpoint(trx, endpoint));

  getEndpoint: Store['getEndpoint'] = (id) =>
    this.#lane.read((db) => endpoints.getEndpoint(db, id));

  listEndpoints: Store['listEndpoints'] = (query) =>
    this.#lane.read((db) => endpoints.listEndpoints(db, query));

  updateEndpoint: Store['updateEndpoint'] = async (id, patch) => {
    const endpoint = await this.#resubscribing((trx) =>
      endpoints.updateEndpoint(trx, id, patch, this.#now()),
    );
    // What waited for it may go.
    if (endpoint !== null && patch.status === 'active') this.#announceJobs();
    return endpoint;
  };

  deleteEndpoint: Store['deleteEndpoint'] = (id) =>
    this.#resubscribing((trx) => endpoints.deleteEndpoint(trx, id));

  rotateEndpointSecret: Store['rotateEndpointSecret'] = (id, next) =>
    this.#lane.transaction((trx) => endpoints.rotateEndpointSecret(trx, id, next));

  resealSecrets: Store['resealSecrets'] = (replacements) =>
    this.#lane.transaction((trx) => endpoints.resealSecrets(trx, replacements));

  testEndpoint: Store['testEndpoint'] = async (id) => {
    const delivery = await this.#lane.transaction((trx) => testEndpoint(trx, id, this.#options));
    if (delivery !== null) this.#announceJobs();
    return delivery;
  };

  createTrigger: Store['createTrigger'] = (trigger) =>
    this.#resubscribing((trx) => triggers.createTrigger(trx, trigger));

  getTrigger: Store['getTrigger'] = (id) => this.#lane.read((db) => triggers.getTrigger(db, id));

  listTriggers: Store['listTriggers'] = (query) =>
    this.#lane.read((db) => triggers.listTriggers(db, query));

  deleteTrigger: Store['deleteTrigger'] = (id) =>
    this.#resubscribing((trx) => triggers.deleteTrigger(trx, id));

  createApiKey: Store['createApiKey'] = (key) =>
    this.#lane.transaction((trx) => apiKeys.createApiKey(trx, key));

  findApiKey: Store['findApiKey'] = (hash) => this.#lane.read((db) => apiKeys.findApiKey(db, hash));

  listApiKeys: Store['listApiKeys'] = () => this.#lane.read(apiKeys.listApiKeys);

  revokeApiKey: Store['revokeApiKey'] = (id) =>
    this.#lane.transaction((trx) => apiKeys.revokeApiKey(trx, id, this.#now()));

  redactCall: Store['redactCall'] = async (callId) => {
    await this.#followCall(callId);
    return await this.#lane.transaction((trx) =>
      redactCall(trx, callId, this.#options.composer, this.#now()),
    );
  };

  // What a power cut brings back is pruned again.
  prune: Store['prune'] = (query) => this.#lane.unsynced((trx) => prune(trx, query));

  acceptanceFacts: Store['acceptanceFacts'] = (query) =>
    this.#lane.read((db) => outbound.acceptanceFacts(db, query));

  diallingFacts: Store['diallingFacts'] = (query) =>
    this.#lane.read((db) => outbound.diallingFacts(db, query));

  findIdempotent: Store['findIdempotent'] = (query) =>
    this.#lane.read((db) => outbound.findIdempotent(db, query));

  takeForDialling: Store['takeForDialling'] = (callId, leaseMs) =>
    this.#lane.transaction((trx) => outbound.takeForDialling(trx, callId, this.#now(), leaseMs));

  recordGate: Store['recordGate'] = (callId, gate) =>
    this.#lane.transaction((trx) => outbound.recordGate(trx, callId, gate));

  addSuppression: Store['addSuppression'] = (suppression) =>
    this.#lane.transaction((trx) => suppressions.addSuppression(trx, suppression));

  importSuppressions: Store['importSuppressions'] = (list) =>
    this.#lane.transaction((trx) => suppressions.importSuppressions(trx, list));

  getSuppression: Store['getSuppression'] = (idOrPhone) =>
    this.#lane.read((db) => suppressions.getSuppression(db, idOrPhone));

  listSuppressions: Store['listSuppressions'] = (query) =>
    this.#lane.read((db) => suppressions.listSuppressions(db, query));

  deleteSuppression: Store['deleteSuppression'] = (idOrPhone) =>
    this.#lane.transaction((trx) => suppressions.deleteSuppression(trx, idOrPhone));

  getRecording: Store['getRecording'] = (callId) =>
    this.#lane.read((db) => recordings.getRecording(db, callId));

  recordingsToDelete: Store['recordingsToDelete'] = (query) =>
    this.#lane.read((db) => recordings.recordingsToDelete(db, query));

  recordingDeleted: Store['recordingDeleted'] = (callId) =>
    this.#lane.transaction((trx) => recordings.recordingDeleted(trx, callId));

  onJobs(listener: JobListener): () => void {
    const { jobListeners } = this.#shared;
    jobListeners.add(listener);
    return () => void jobListeners.delete(listener);
  }

  async close(): Promise<void> {
    const { db, follower, checkpoints, jobListeners, lock } = this.#shared;
    if (this.#shared.closing) return;
    this.#shared.closing = true;
    await follower?.close();
    await this.#shared.lastAppend;
    this.#shared.state.closed = true;
    jobListeners.clear();
    await this.#wal.close();
    // Before ours: the last connection to close copies what is left and removes the WAL.
    await checkpoints?.stop();
    await db.destroy();
    lock.release();
  }

  /** What may change who gets which events. */
  #resubscribing<T>(work: (trx: Transaction<Tables>) => Promise<T>): Promise<T> {
    return this.#lane.transaction(async (trx) => {
      const result = await work(trx);
      this.#options.subscriptions.changed();
      return result;
    });
  }

  #now(): number {
    return this.#options.clock();
  }

  #announceJobs(dueAt = this.#now()): void {
    for (const listener of this.#shared.jobListeners) listener(dueAt);
  }

  /** Whoever asks for a call by its id sees all that has been told of it by then. */
  async #readOfCall<T>(callId: string, query: (db: Kysely<Tables>) => Promise<T>): Promise<T> {
    await this.#followCall(callId);
    return await this.#lane.read(query);
  }

  async #followCall(callId: string): Promise<void> {
    const waiting = this.#inbox.ofCall(callId);
    if (waiting.length > 0) await this.#lane.inLine(() => this.#follow(waiting));
  }

  /** Those that somebody else has followed by then are not there any more. */
  async #follow(positions: readonly number[], isEnough?: () => Promise<boolean>): Promise<void> {
    const { followed, firstDueAt } = await this.#lane.commit((trx) =>
      this.#inbox.follow(trx, positions, { ...this.#options, ...(isEnough && { isEnough }) }),
    );
    this.#wal.wrote();
    this.#inbox.forget(followed);
    if (firstDueAt !== null) this.#announceJobs(firstDueAt);
  }
}
