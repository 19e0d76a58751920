import { setTimeout as sleep } from 'node:timers/promises';
import { logger } from '../config/log.ts';
import type { Append, AppendResult, LedgerStore } from '../store/store.ts';

/** Bounds one transaction, so that a long outage is worked off in steps that others can pass. */
const MAX_BATCH = 200;
/** So many lanes that fail, and none that gets through, are a store that is down. */
const PROBES = 3;
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 2_000;
/** A full disk is one thing to know, not twenty a second. */
const COMPLAIN_EVERY_MS = 5_000;

interface Entry {
  append: Append;
  /** Appends of one lane are never reordered. */
  lane: unknown;
  settle: (result: AppendResult) => void;
}

export interface GroupCommitOptions {
  store: Pick<LedgerStore, 'append'>;
  /** Wait after the first failure, doubled up to 2 s. (Default: 50) */
  retryFirstMs?: number;
}

/**
 * The one door to `store.append`. One batch is in flight; what arrives meanwhile is the next one,
 * so 30 writers share an fsync. There is no wait to gather more: the commit itself (about 4 ms of
 * fsync on the disk we measured) gathers, and a fixed wait would only slow a quiet ledger.
 *
 * ```
 * idle ── append ──► committing ── committed, nothing waits ──► idle
 *                       │  ▲  └── committed, more waits ──► committing (next batch)
 *             store fails  │ 50 ms, 100 ms … 2 s
 *                       ▼  │
 *                     backing off      (in any state) close ──► closed
 * ```
 *
 * A failing store loses and reorders nothing: the batch stays at the head and its ids make the
 * repetition harmless. That goes for every rejection, `retryable` or not: what is wrong with an append
 * the store answers as `refused`, and a rejection (database not writable, thread lost) is about the
 * store and must not cost the append its place in the spool. When a batch fails twice its entries are tried one by one, so that one
 * append the store chokes on holds up only its own lane. Nothing is acknowledged meanwhile; the
 * writers spool.
 */
export class GroupCommit {
  readonly #store: Pick<LedgerStore, 'append'>;
  readonly #retryFirstMs: number;
  readonly #log = logger('ledger');
  readonly #closing = new AbortController();
  #queue: Entry[] = [];
  #running: Promise<void> | null = null;
  #failures = 0;
  #failure: unknown = null;
  #complainedAt = Number.NEGATIVE_INFINITY;

  constructor(options: GroupCommitOptions) {
    this.#store = options.store;
    this.#retryFirstMs = options.retryFirstMs ?? RETRY_FIRST_MS;
  }

  /** What the store said to the last batch, while that was a refusal; `null` where it took it. */
  get failure(): unknown {
    return this.#failure;
  }

  /**
   * Resolves when the append is committed, fenced or refused. Never rejects; stays open for as long
   * as the store fails, and for good once closed, so its caller must have a spool or a deadline.
   */
  append(append: Append, lane: unknown): Promise<AppendResult> {
    return new Promise((settle) => {
      this.#queue.push({ append, lane, settle });
      this.#running ??= this.#run();
    });
  }

  /** Commits what waits, for at most `deadlineMs`; what the store does not take by then is left. */
  async close({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    const deadline = AbortSignal.timeout(deadlineMs);
    const aborted = new Promise<void>((resolve) => {
      deadline.addEventListener('abort', () => resolve(), { once: true });
    });
    while (this.#running && !deadline.aborted) await Promise.race([this.#running, aborted]);
    this.#closing.abort();
    if (this.#queue.length > 0) {
      this.#log.warn({ appends: this.#queue.length }, 'ledger closed before the store took all');
    }
  }

  async #run(): Promise<void> {
    // Everything that was read in the same turn of the event loop belongs to the first batch.
    await new Promise(setImmediate);
    while (this.#queue.length > 0 && !this.#closing.signal.aborted) {
      const batch = this.#queue.splice(0, MAX_BATCH);
      const apart = this.#failures >= 2 && batch.length > 1;
      const left = apart ? await this.#commitOneByOne(batch) : await this.#commit(batch);
      if (left.length === 0) {
        this.#failures = 0;
        continue;
      }
      this.#queue.unshift(...left);
      this.#failures++;
      const backoff = Math.min(this.#retryFirstMs * 2 ** (this.#failures - 1), RETRY_MAX_MS);
      const wait = left.length < batch.length ? this.#retryFirstMs : backoff;
      await sleep(wait, undefined, { signal: this.#closing.signal }).catch(() => {});
    }
    // In the same turn as the last look at the queue, or an append in between would wait for ever.
    this.#running = null;
  }

  /** Returns what has to be tried again: nothing, or all of it. */
  async #commit(batch: readonly Entry[]): Promise<readonly Entry[]> {
    let results: AppendResult[];
    try {
      results = await this.#store.append(batch.map((entry) => entry.append));
      if (results.length !== batch.length) throw new Error('the store lost count of a batch');
    } catch (error) {
      this.#failure = error;
      const now = performance.now();
      if (now - this.#complainedAt > COMPLAIN_EVERY_MS) {
        this.#complainedAt = now;
        this.#log.error(
          { err: error, appends: batch.length, failures: this.#failures + 1 },
          'ledger append failed, will be repeated',
        );
      }
      return batch;
    }
    this.#failure = null;
    for (const [i, result] of results.entries()) batch[i]?.settle(result);
    return [];
  }

  async #commitOneByOne(batch: readonly Entry[]): Promise<readonly Entry[]> {
    const left: Entry[] = [];
    const stuck = new Set<unknown>();
    for (const [i, entry] of batch.entries()) {
      if (left.length === i && stuck.size >= PROBES) return [...left, ...batch.slice(i)];
      if (stuck.has(entry.lane) || (await this.#commit([entry])).length > 0) {
        left.push(entry);
        stuck.add(entry.lane);
      }
    }
    return left;
  }
}
