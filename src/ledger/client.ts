import { setTimeout as sleep } from 'node:timers/promises';
import { logger } from '../config/log.ts';
import type { Append } from '../store/store.ts';
import { Connection } from './connection.ts';
import type { Ledger } from './ledger.ts';
import { Outbox, unavailableError } from './outbox.ts';
import type { HostMessage } from './protocol.ts';
import { Spool } from './spool.ts';

const RECONNECT_FIRST_MS = 50;
/** A worker that restarts is found again within a second; 30 clients that knock cost nothing. */
const RECONNECT_MAX_MS = 1_000;
/** The tools of one response reach us within 2 ms; an fsync, which they save, takes longer. */
const HOLD_LIMIT_MS = 3;
/** Beyond a close's deadline: what is not yet in the spool still gets a chance to be. */
const LAST_WRITE_MS = 2_000;

export interface LedgerClientOptions {
  callId: string;
  /** 1 for a new call, whose opening append makes that lease; of a call taken over, the new one. */
  lease: number;
  /** From `socketPath(DATA_DIR)`. */
  socketPath: string;
  /** From `spoolDir(DATA_DIR)`. */
  spoolDir: string;
  /** (Default: 100 ms) */
  spoolAfterMs?: number;
  /** The longest that `hold` holds. (Default: 3 ms) */
  holdLimitMs?: number;
  /** What is kept in memory to be sent again. (Default: 8 MiB) */
  maxUnackedBytes?: number;
}

type State = 'connecting' | 'online' | 'offline' | 'fenced' | 'closed';

/**
 * The ledger in a call process. Nothing here is synchronous I/O: a disk or a host that hangs must
 * not stop the call's audio.
 *
 * ```
 *             ┌────────────── 50 ms … 1 s ──────────────┐
 *             ▼                                         │
 *        connecting ── greeted, all unacknowledged ──► online ── socket lost ──► offline
 *             │          sent again, in order                                     ▲
 *             └── refused ────────────────────────────────────────────────────────┘
 *        from any of them:  answered `fenced` ──► fenced     close() ──► closed
 * ```
 *
 * - `connecting` (the first time) and `online`: an append waits 100 ms for its acknowledgement, then
 *   goes to the spool as well. It stays in the outbox until acknowledged.
 * - `offline`: what waits goes to the spool at once.
 * - `fenced`: nothing is taken or sent; the spool stays for the recovery, which keeps it as late.
 * - `closed`: what is only in the spool stays there for the recovery.
 */
export class LedgerClient implements Ledger {
  readonly #options: LedgerClientOptions;
  readonly #outbox: Outbox;
  readonly #log = logger('ledger');
  readonly #closing = new AbortController();
  readonly #watchers = new Set<() => void>();
  #state: State = 'connecting';
  #connection: Connection | null = null;
  /** Settles when the client is online or has been stopped. */
  #attempt: Promise<void>;
  /** Up to here everything has been written to the present connection. */
  #sent = 0;
  /** How many hold back what is appended. */
  #holds = 0;
  /** The lease is ours: from the opening's acknowledgement to the end's. */
  #holdsLease: boolean;

  constructor(options: LedgerClientOptions) {
    this.#options = options;
    this.#holdsLease = options.lease > 1;
    this.#outbox = new Outbox({
      spool: new Spool({ dir: options.spoolDir, owner: options.callId }),
      scope: 'call',
      ...(options.spoolAfterMs === undefined ? {} : { spoolAfterMs: options.spoolAfterMs }),
      ...(options.maxUnackedBytes === undefined
        ? {}
        : { maxUnackedBytes: options.maxUnackedBytes }),
    });
    this.#outbox.fenced.addEventListener('abort', () => this.#stop('fenced'), { once: true });
    this.#attempt = this.#connect();
  }

  get fenced(): AbortSignal {
    return this.#outbox.fenced;
  }

  append(append: Append): Promise<'ledger' | 'spool'> {
    const { callId, lease } = this.#options;
    const stamp = append.callId === callId && append.lease === undefined;
    const { entry, durable } = this.#outbox.add(stamp ? { ...append, lease } : append);
    const connection = this.#holds > 0 ? null : this.#connection;
    if (entry?.sendable && connection && this.#sent === entry.n - 1 && !connection.congested) {
      connection.sendAppend(entry.n, entry.json);
      this.#sent = entry.n;
    }
    return durable;
  }

  hold(): () => void {
    this.#holds++;
    let held = true;
    const release = () => {
      if (!held) return;
      held = false;
      clearTimeout(limit);
      if (--this.#holds === 0) this.#sendRest();
    };
    const limit = setTimeout(release, this.#options.holdLimitMs ?? HOLD_LIMIT_MS);
    return release;
  }

  async request<T>(method: string, params: unknown, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    await this.#until((state) => state !== 'connecting', signal);
    signal.throwIfAborted();
    if (!this.#connection) throw unavailableError("The ledger's host cannot be reached.");
    return (await this.#connection.request(method, params, signal)) as T;
  }

  /**
   * Waits until everything is acknowledged or, without a host or at the deadline, in the spool;
   * then lets the connection go. `spool` means that the worker's recovery has work left.
   */
  async close({ deadlineMs }: { deadlineMs: number }): Promise<'ledger' | 'spool'> {
    if (!this.fenced.aborted) {
      const deadline = AbortSignal.timeout(deadlineMs);
      const offline = this.#until((state) => state === 'offline', deadline);
      await Promise.race([this.#outbox.empty(), offline]);
      const giveUp = new AbortController();
      const lastWrite = sleep(LAST_WRITE_MS, undefined, { signal: giveUp.signal });
      await Promise.race([this.#outbox.durable(), lastWrite.catch(() => {})]);
      giveUp.abort();
    }
    const where = this.#outbox.unfinished ? 'spool' : 'ledger';
    this.#stop('closed');
    await this.#outbox.close();
    await this.#attempt;
    return where;
  }

  async #connect(): Promise<void> {
    for (let wait = RECONNECT_FIRST_MS; !this.#closing.signal.aborted; wait *= 2) {
      try {
        this.#greeted(await this.#open());
        return;
      } catch (error) {
        if (this.#state === 'connecting') {
          this.#log.warn({ err: error }, 'ledger out of reach, writing to the spool');
        }
        this.#lost();
      }
      // Half of it is chance, so that all calls do not knock together when a worker comes back.
      const pause = Math.min(wait, RECONNECT_MAX_MS) * (0.5 + Math.random() / 2);
      await sleep(pause, undefined, { signal: this.#closing.signal }).catch(() => {});
    }
  }

  #open(): Promise<Connection> {
    const { callId, lease, socketPath } = this.#options;
    let mine: Connection | null = null;
    const opened = Connection.open({
      path: socketPath,
      held: this.#holdsLease ? { callId, lease } : null,
      onMessage: (message) => this.#take(message),
      onDrain: () => this.#sendRest(),
      onClose: () => {
        if (!mine || this.#connection !== mine) return;
        this.#log.warn('connection to the ledger lost, writing to the spool');
        this.#lost();
        if (!this.#closing.signal.aborted) this.#attempt = this.#connect();
      },
    });
    return opened.then((connection) => {
      mine = connection;
      return connection;
    });
  }

  #greeted(connection: Connection): void {
    if (this.#closing.signal.aborted) {
      connection.close();
      return;
    }
    // It closed before anybody listened: one more attempt.
    if (connection.closed) throw unavailableError("The ledger's host hung up.");
    this.#connection = connection;
    this.#outbox.connected();
    this.#sent = 0;
    this.#sendRest();
    this.#become('online');
  }

  #sendRest(): void {
    const connection = this.#connection;
    if (!connection || this.#holds > 0) return;
    for (const entry of this.#outbox.behind(this.#sent)) {
      if (connection.congested) return;
      connection.sendAppend(entry.n, entry.json);
      this.#sent = entry.n;
    }
    // What had been acknowledged before the connection was lost is not among them.
    this.#sent = this.#outbox.last;
  }

  #take(message: HostMessage): void {
    if (message.t === 'fenced') {
      if (message.callId === this.#options.callId) this.#outbox.fence();
      return;
    }
    if (message.t !== 'ack') return;
    const entry = this.#outbox.settle(message.n, message.result);
    if (!entry || message.result.status !== 'appended') return;
    if (entry.opens) this.#holdsLease = true;
    if (entry.ends) this.#holdsLease = false;
  }

  #lost(): void {
    this.#connection = null;
    if (this.#state === 'fenced' || this.#state === 'closed') return;
    this.#outbox.disconnected();
    this.#become('offline');
  }

  #stop(state: 'fenced' | 'closed'): void {
    this.#closing.abort();
    this.#connection?.close();
    this.#connection = null;
    this.#become(state);
  }

  #become(state: State): void {
    this.#state = state;
    for (const look of [...this.#watchers]) look();
  }

  /** Resolves when the state is one of those asked for, or the signal aborts. */
  async #until(wanted: (state: State) => boolean, signal: AbortSignal): Promise<void> {
    if (wanted(this.#state) || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = () => {
      if (wanted(this.#state)) resolve();
    };
    const abort = () => resolve();
    this.#watchers.add(look);
    signal.addEventListener('abort', abort, { once: true });
    await promise;
    this.#watchers.delete(look);
    signal.removeEventListener('abort', abort);
  }
}
