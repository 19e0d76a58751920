import { Worker } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { CallwireError } from '../errors.ts';
import { fromWireError } from './error_wire.ts';
import { remoteStore } from './remote_store.ts';
import { storeError } from './sqlite_errors.ts';
import type { SqliteStores } from './sqlite_store.ts';
import type { StoreThreadData } from './sqlite_thread.ts';
import type { JobListener } from './store.ts';
import type { FromThread, ToThread } from './thread_protocol.ts';
import { turnPort } from './turn_port.ts';
import { WalSync } from './wal_sync.ts';

/**
 * Starts the thread whose entry file is `entry` and returns the store in it. Waits have no deadline
 * of their own: an fsync on a slow disk ends, and the thread's death rejects everything pending
 * with `STORE_THREAD_LOST`.
 *
 * @param onLost Told once if an open store's thread dies; it can only be opened again by a restart.
 * @throws what `openSqliteStore` throws, as the thread reports it.
 */
export async function startStoreThread(
  entry: URL,
  data: StoreThreadData,
  onLost: (error: CallwireError) => void = () => {},
): Promise<SqliteStores> {
  pinNativeModule();
  const thread = new StoreThread(new Worker(entry, { name: 'store', workerData: data }), onLost);
  await thread.opened;
  const storeOf = (background: boolean) =>
    remoteStore(
      (method, args) => thread.send((n) => ({ t: 'call', n, method, args, background })),
      thread,
    );
  return { ...storeOf(false), background: storeOf(true) };
}

/**
 * Loads SQLite's native module into the main thread as well. Where only the store's thread has it,
 * it is unloaded with that thread, under whatever still runs of it: a SIGSEGV at the thread's end,
 * seen once in some twenty runs.
 */
function pinNativeModule(): void {
  new Database(':memory:').close();
}

class StoreThread {
  /** Settles with the thread's first word. */
  readonly opened: Promise<void>;
  readonly #say: (message: ToThread) => void;
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #jobListeners = new Set<JobListener>();
  readonly #opening = Promise.withResolvers<void>();
  readonly #exited = Promise.withResolvers<void>();
  #lost: CallwireError | null = null;
  #lastNumber = 0;
  #closing: Promise<void> | null = null;
  readonly #onLost: (error: CallwireError) => void;
  #open = false;
  #wal: WalSync | undefined;

  constructor(worker: Worker, onLost: (error: CallwireError) => void) {
    this.#onLost = onLost;
    this.opened = this.#opening.promise;
    this.#say = turnPort<ToThread>(
      (messages) => worker.postMessage(messages),
      ({ n }, error) => this.#take(n)?.reject(error),
    );
    worker.on('message', (messages: FromThread[]) => {
      for (const message of messages) this.#receive(message);
    });
    worker.on('error', (error) => this.#lose(error));
    worker.on('exit', () => {
      this.#lose(undefined);
      this.#exited.resolve();
    });
  }

  send(message: (n: number) => ToThread): Promise<unknown> {
    if (this.#lost !== null) return Promise.reject(this.#lost);
    const n = ++this.#lastNumber;
    const answer = Promise.withResolvers<unknown>();
    this.#pending.set(n, answer);
    this.#say(message(n));
    return answer.promise;
  }

  onJobs(listener: JobListener): () => void {
    this.#jobListeners.add(listener);
    return () => void this.#jobListeners.delete(listener);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#jobListeners.clear();
    // A thread that is already gone has closed everything the hard way.
    if (this.#lost === null) await this.send((n) => ({ t: 'close', n }));
    await this.#exited.promise;
    await this.#wal?.close();
  }

  #receive(message: FromThread): void {
    switch (message.t) {
      case 'ready':
        this.#open = true;
        this.#opening.resolve(this.#openWal(message.database));
        break;
      case 'failed':
        this.#opening.reject(fromWireError(message.error));
        break;
      case 'jobs':
        for (const listener of this.#jobListeners) listener(message.dueAt);
        break;
      case 'result':
        void this.#resolve(message);
        break;
      case 'error':
        this.#take(message.n)?.reject(fromWireError(message.error));
        break;
    }
  }

  /** What the thread commits is made durable from here: see `wal_sync.ts`. */
  async #openWal(database: string | undefined): Promise<void> {
    if (database === undefined) return;
    try {
      this.#wal = await WalSync.open(database);
    } catch (error) {
      await this.close();
      throw storeError(error);
    }
  }

  async #resolve({ n, value, written }: Extract<FromThread, { t: 'result' }>): Promise<void> {
    const answer = this.#take(n);
    if (written === undefined) {
      answer?.resolve(value);
      return;
    }
    try {
      await this.#wal?.durable(written);
      answer?.resolve(value);
    } catch (error) {
      answer?.reject(error);
    }
  }

  #take(n: number): PromiseWithResolvers<unknown> | undefined {
    const answer = this.#pending.get(n);
    this.#pending.delete(n);
    return answer;
  }

  #lose(cause: unknown): void {
    const first = this.#lost === null;
    this.#lost ??=
      this.#closing === null
        ? new CallwireError('STORE_THREAD_LOST', "The store's thread has died.", {
            remedy: 'Restart the worker; what was acknowledged is in the database.',
            cause,
          })
        : new CallwireError('STORE_CLOSED', 'The store has been closed.');
    this.#opening.reject(this.#lost);
    for (const answer of this.#pending.values()) answer.reject(this.#lost);
    this.#pending.clear();
    if (first && this.#open && this.#closing === null) this.#onLost(this.#lost);
  }
}
