import { logger } from '../config/log.ts';
import type { Append, AppendResult, LedgerStore } from '../store/store.ts';
import { within } from './within.ts';

/** Bounds one transaction, so that a long outage is worked off in steps that others can pass. */
const MAX_BATCH = 200;
/** One whose fsync is waited for, and one that is written meanwhile. */
const MAX_IN_FLIGHT = 2;
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
 * The one door to `store.append`. What arrives while batches are in flight is the next one, so 30 writers
 * share an fsync. There is no wait to gather more: the commit itself gathers, and a fixed wait would only
 * slow a quiet ledger. While one batch waits for its fsync another is written, of lanes that have
 * nothing in flight: in a line of one batch, an append that came during an fsync waited for two.
 *
 * ```
 * idle ── append ──► committing, two batches at most ── committed, nothing waits ──► idle
 *                       │  ▲  └── committed, more waits ──► committing (next batch)
 *             store fails  │ none in flight; 50 ms, 100 ms … 2 s; one batch until the store takes one
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
  #queue: Entry[] = [];
  #inFlight = 0;
  /** Lanes of what is in flight. */
  readonly #busy = new Set<unknown>();
  /** Another batch is begun at the end of this turn. */
  #woken = false;
  #backoff: NodeJS.Timeout | undefined;
  /** Resolves when nothing is left. */
  #drained: PromiseWithResolvers<void> | null = null;
  #closed = false;
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
      this.#drained ??= Promise.withResolvers();
      this.#wake();
    });
  }

  /** Commits what waits, for at most `deadlineMs`; what the store does not take by then is left. */
  async close({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    while (this.#drained !== null) {
      const start = performance.now();
      await within(deadlineMs, this.#drained.promise);
      deadlineMs -= performance.now() - start;
      if (deadlineMs <= 0) break;
    }
    this.#closed = true;
    clearTimeout(this.#backoff);
    if (this.#queue.length > 0) {
      this.#log.warn({ appends: this.#queue.length }, 'ledger closed before the store took all');
    }
  }

  /** Everything that one piece of a socket brings belongs to one batch. */
  #wake(): void {
    if (this.#woken) return;
    this.#woken = true;
    process.nextTick(() => {
      this.#woken = false;
      this.#send();
    });
  }

  #send(): void {
    const most = this.#failures > 0 ? 1 : MAX_IN_FLIGHT;
    if (this.#closed || this.#backoff !== undefined || this.#inFlight >= most) return;
    const batch = this.#take();
    if (batch.length === 0) return;
    this.#inFlight += 1;
    for (const { lane } of batch) this.#busy.add(lane);
    const apart = this.#failures >= 2 && batch.length > 1;
    const sent = apart ? this.#commitOneByOne(batch) : this.#commit(batch);
    const failures = this.#failures;
    void sent.then((left) => this.#settled(batch, left, failures));
  }

  /** The first that wait, without those of lanes that have something in flight. */
  #take(): Entry[] {
    if (this.#busy.size === 0) return this.#queue.splice(0, MAX_BATCH);
    const batch: Entry[] = [];
    this.#queue = this.#queue.filter((entry) => {
      if (batch.length === MAX_BATCH || this.#busy.has(entry.lane)) return true;
      batch.push(entry);
      return false;
    });
    return batch;
  }

  /** @param failures How many there had been when it was sent. */
  #settled(batch: readonly Entry[], left: readonly Entry[], failures: number): void {
    this.#inFlight -= 1;
    for (const { lane } of batch) this.#busy.delete(lane);
    if (left.length === 0) {
      // Where one beside it has failed meanwhile, that this one was taken says nothing of the other.
      if (failures === this.#failures) this.#failures = 0;
    } else {
      // Whatever else waits of these lanes came later: it could not be in flight beside them.
      this.#queue.unshift(...left);
      if (this.#backoff === undefined) this.#backOff({ progress: left.length < batch.length });
    }
    if (this.#queue.length > 0) this.#wake();
    else if (this.#inFlight === 0) {
      this.#drained?.resolve();
      this.#drained = null;
    }
  }

  #backOff({ progress }: { progress: boolean }): void {
    if (this.#closed) return;
    this.#failures += 1;
    const doubled = Math.min(this.#retryFirstMs * 2 ** (this.#failures - 1), RETRY_MAX_MS);
    this.#backoff = setTimeout(
      () => {
        this.#backoff = undefined;
        this.#send();
      },
      progress ? this.#retryFirstMs : doubled,
    );
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
