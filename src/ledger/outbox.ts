import { logger } from '../config/log.ts';
import { CallwireError } from '../errors.ts';
import type { Append, AppendResult } from '../store/store.ts';
import { MAX_FRAME_BYTES } from './frames.ts';
import { endsCall } from './protocol.ts';
import { type Spool, type SpoolFile, spoolLine } from './spool.ts';

/** The ledger's promise: a writer that gets no acknowledgement by then is served by the spool. */
const SPOOL_AFTER_MS = 100;
/** What is kept in memory to be sent again: about 8000 events, far beyond any call we have seen. */
const MAX_UNACKED_BYTES = 8 * 1024 * 1024;
/** Room for the message around the append. */
const FRAME_OVERHEAD_BYTES = 64;

export interface OutboxEntry {
  readonly n: number;
  readonly json: string;
  readonly bytes: number;
  /** `false`: beyond what memory may hold; only the spool has it, and the recovery takes it. */
  readonly sendable: boolean;
  readonly opens: boolean;
  readonly ends: boolean;
  readonly since: number;
  state: 'waiting' | 'writing' | 'spooled' | 'failed';
  file: SpoolFile | null;
  resolve: (where: 'ledger' | 'spool') => void;
  reject: (error: CallwireError) => void;
}

export interface OutboxOptions {
  spool: Spool;
  /**
   * `call`: all appends belong to one call, so one that is fenced ends them all. `any`: the
   * worker's, of many calls, each answered for itself.
   */
  scope: 'call' | 'any';
  /** (Default: 100 ms) */
  spoolAfterMs?: number;
  /** (Default: 8 MiB) */
  maxUnackedBytes?: number;
}

/**
 * What one writer has appended and the ledger has not acknowledged, in order. The life of an entry:
 *
 * ```
 * waiting ── 100 ms, or no connection ──► writing ── fsynced ──► spooled   (resolved: spool)
 *    │                                       │  └── disk refuses ─► failed (rejected: unavailable)
 *    └───────────── acknowledged ────────────┴──► gone             (resolved: ledger)
 * ```
 *
 * From every state an acknowledgement removes the entry, and with the last one of a spool file the
 * file. `failed` ones are still sent: better recorded than not. All that wait go to the disk
 * together, so those that came within one fsync share the next, and the spool never has an entry
 * without all unacknowledged ones before it.
 */
export class Outbox {
  readonly #spool: Spool;
  readonly #scope: 'call' | 'any';
  readonly #spoolAfterMs: number;
  readonly #maxBytes: number;
  readonly #log = logger('ledger');
  readonly #entries = new Map<number, OutboxEntry>();
  readonly #fenced = new AbortController();
  #bytes = 0;
  #last = 0;
  /** Nothing is sent while it is out: do not wait for acknowledgements that cannot come. */
  #connected = true;
  #overflow = false;
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> | null = null;
  #closed = false;
  #idle: (() => void)[] = [];

  constructor(options: OutboxOptions) {
    this.#spool = options.spool;
    this.#scope = options.scope;
    this.#spoolAfterMs = options.spoolAfterMs ?? SPOOL_AFTER_MS;
    this.#maxBytes = options.maxUnackedBytes ?? MAX_UNACKED_BYTES;
  }

  get fenced(): AbortSignal {
    return this.#fenced.signal;
  }

  /** Something is not with the ledger: the recovery of the spool has work left. */
  get unfinished(): boolean {
    return this.#entries.size > 0 || this.#overflow;
  }

  /** The number of the entry that was added last. */
  get last(): number {
    return this.#last;
  }

  /** Takes an append in. `entry` is `null` where `durable` has been rejected already. */
  add(append: Append): { entry: OutboxEntry | null; durable: Promise<'ledger' | 'spool'> } {
    const made = this.#serialize(append);
    if (made instanceof CallwireError) return { entry: null, durable: Promise.reject(made) };
    const { promise, resolve, reject } = Promise.withResolvers<'ledger' | 'spool'>();
    const bytes = Buffer.byteLength(made);
    this.#overflow ||= this.#bytes + bytes > this.#maxBytes;
    const entry: OutboxEntry = {
      n: ++this.#last,
      json: made,
      bytes,
      sendable: !this.#overflow,
      opens: append.open !== undefined,
      ends: endsCall(append),
      since: performance.now(),
      state: 'waiting',
      file: null,
      resolve,
      reject,
    };
    this.#entries.set(entry.n, entry);
    this.#bytes += bytes;
    if (this.#connected && entry.sendable) this.#watch(this.#spoolAfterMs);
    else this.#spoolWaiting();
    return { entry, durable: promise };
  }

  /** What can be sent behind `n`, in order; from 0 after a reconnect. */
  *behind(n: number): Generator<OutboxEntry, void, void> {
    for (const entry of this.#entries.values()) {
      if (entry.n > n && entry.sendable) yield entry;
    }
  }

  /** The ledger's answer. Returns the entry, `null` where it was answered before. */
  settle(n: number, result: AppendResult): OutboxEntry | null {
    const entry = this.#entries.get(n);
    if (!entry) return null;
    if (result.status === 'fenced' && this.#scope === 'call') {
      this.fence();
      return entry;
    }
    if (result.status === 'fenced') {
      entry.reject(fencedError());
    } else if (result.status === 'refused') {
      const { code, message } = result;
      this.#log.error({ code, reason: message }, 'the ledger refused an append for good');
      entry.reject(new CallwireError('LEDGER_REFUSED', `The ledger refused: ${code}, ${message}`));
    } else {
      entry.resolve('ledger');
    }
    this.#drop(entry);
    if (entry.file) void this.#spool.acknowledged(entry.file);
    return entry;
  }

  connected(): void {
    this.#connected = true;
  }

  /** No acknowledgement will come for now. */
  disconnected(): void {
    this.#connected = false;
    this.#spoolWaiting();
  }

  /** The call is somebody else's. What the spool holds stays there for the recovery. */
  fence(): void {
    if (this.#fenced.signal.aborted) return;
    const error = fencedError();
    for (const entry of this.#entries.values()) {
      if (entry.file) entry.file.keep = true;
      entry.reject(error);
      this.#drop(entry);
    }
    this.#fenced.abort(error);
  }

  /** Resolves when every entry is durable or given up; entries of the spool only may remain. */
  async durable(): Promise<void> {
    while (this.#undecided()) {
      this.#spoolWaiting();
      await this.#writing;
    }
  }

  /** Resolves when the ledger has acknowledged everything. */
  empty(): Promise<void> {
    if (this.#entries.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Takes nothing more and leaves what is spooled to the recovery. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer) clearTimeout(this.#timer);
    // A disk that hangs has had its chance in `durable`; the process goes without it.
    if (!this.#writing) await this.#spool.close();
  }

  #serialize(append: Append): string | CallwireError {
    if (this.#fenced.signal.aborted) return fencedError();
    if (this.#closed) return unavailableError('The ledger is closed.');
    if (this.#bytes > 2 * this.#maxBytes) {
      return unavailableError('Neither the ledger nor the disk keeps up with this call.');
    }
    try {
      const json = JSON.stringify(append);
      if (Buffer.byteLength(json) + FRAME_OVERHEAD_BYTES <= MAX_FRAME_BYTES) return json;
    } catch (cause) {
      return new CallwireError('LEDGER_REFUSED', 'An append cannot be written as JSON.', { cause });
    }
    return new CallwireError('LEDGER_REFUSED', `An append is over ${MAX_FRAME_BYTES} bytes.`);
  }

  #drop(entry: OutboxEntry): void {
    if (this.#entries.delete(entry.n)) this.#bytes -= entry.bytes;
    if (this.#entries.size > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #undecided(): boolean {
    for (const { state } of this.#entries.values()) {
      if (state === 'waiting' || state === 'writing') return true;
    }
    return false;
  }

  #watch(delayMs: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      const oldest = this.#oldestWaiting();
      if (!oldest) return;
      const left = oldest.since + this.#spoolAfterMs - performance.now();
      if (left > 0) this.#watch(left);
      else this.#spoolWaiting();
    }, delayMs);
  }

  #oldestWaiting(): OutboxEntry | null {
    for (const entry of this.#entries.values()) if (entry.state === 'waiting') return entry;
    return null;
  }

  #spoolWaiting(): void {
    if (this.#writing || this.#closed) return;
    const batch = [...this.#entries.values()].filter((entry) => entry.state === 'waiting');
    if (batch.length === 0) return;
    for (const entry of batch) entry.state = 'writing';
    this.#writing = this.#write(batch).finally(() => {
      this.#writing = null;
      const next = this.#oldestWaiting();
      if (!next) return;
      if (this.#connected && next.sendable) this.#watch(this.#spoolAfterMs);
      else this.#spoolWaiting();
    });
  }

  async #write(batch: readonly OutboxEntry[]): Promise<void> {
    let file: SpoolFile;
    try {
      file = await this.#spool.write(batch.map((entry) => spoolLine(entry.json)));
    } catch (error) {
      this.#log.error({ err: error }, 'an event could be written neither to ledger nor to spool');
      for (const entry of batch) {
        entry.state = 'failed';
        entry.reject(error as CallwireError);
        // Nobody can make it durable any more, and memory must not grow.
        if (!entry.sendable) this.#drop(entry);
      }
      return;
    }
    for (const entry of batch) {
      if (!this.#entries.has(entry.n)) {
        // Answered while the disk was busy; a fence leaves everything to the recovery.
        if (this.fenced.aborted) file.keep = true;
        await this.#spool.acknowledged(file);
        continue;
      }
      entry.state = 'spooled';
      entry.file = file;
      entry.resolve('spool');
      if (entry.sendable) continue;
      file.keep = true;
      this.#drop(entry);
    }
  }
}

function fencedError(): CallwireError {
  return new CallwireError('LEDGER_FENCED', 'Another process has taken this call over.');
}

export function unavailableError(message: string): CallwireError {
  return new CallwireError('LEDGER_UNAVAILABLE', message, { retryable: true });
}
