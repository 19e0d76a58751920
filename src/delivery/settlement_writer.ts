import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { isCallwireError } from '../errors.ts';
import type { Settlement, Store } from '../store/store.ts';

interface Pending {
  settlement: Settlement;
  /** `performance.now()` behind which the claim is not ours any more. */
  until: number;
  finished: () => void;
}

const RETRY_MS = 500;

/**
 * So long the first of a batch waits for others. Nobody waits for a settlement but a slot of the loop
 * (and the next event of an ordered endpoint), and each batch costs a transaction and a wake-up of
 * the store's thread; with 5 ms a busy loop delivered a fifth less.
 */
const GATHER_MS = 10;

/**
 * What a job appends takes the store a millisecond, and other appends wait for the whole batch: with 40 of
 * the completions of calls in one, a webhook that was taken in meanwhile waited for 50 ms.
 */
const APPENDING_AT_ONCE = 8;

/**
 * Group commit for settlements: what comes in within a few milliseconds, or while a batch is being
 * written, is the next batch, so a burst of attempts costs a few transactions, not one each.
 *
 * A batch that the store refuses for good is written one by one, so that no settlement suffers for
 * another; a store that is merely busy gets the batch again.
 * One that fails by itself is tried again while its claim holds; then it is dropped, and the job is
 * attempted once more. Where its append can never succeed it is settled without: a lost
 * `delivery.exhausted` is a smaller evil than a job that is delivered for ever.
 */
export class SettlementWriter {
  readonly #store: Pick<Store, 'settleJobs'>;
  readonly #log: Logger;
  #pending: Pending[] = [];
  #writing = false;

  constructor(store: Pick<Store, 'settleJobs'>, log: Logger) {
    this.#store = store;
    this.#log = log;
  }

  /** Resolves when it is written, or given up after `withinMs`. Never rejects. */
  write(settlement: Settlement, withinMs: number): Promise<void> {
    return new Promise((finished) => {
      this.#pending.push({ settlement, until: performance.now() + withinMs, finished });
      if (!this.#writing) void this.#writeAll();
    });
  }

  async #writeAll(): Promise<void> {
    this.#writing = true;
    let waited = false;
    while (this.#pending.length > 0) {
      if (!waited) await sleep(GATHER_MS);
      const batch = this.#nextBatch();
      waited = this.#pending.length > 0;
      const left = await this.#writeBatch(batch);
      if (left.length > 0) {
        waited = false;
        this.#pending.push(...left);
        await sleep(RETRY_MS);
      }
    }
    this.#writing = false;
  }

  #nextBatch(): Pending[] {
    const batch: Pending[] = [];
    const later: Pending[] = [];
    let appending = 0;
    for (const one of this.#pending) {
      const isLarge = one.settlement.append !== undefined && ++appending > APPENDING_AT_ONCE;
      (isLarge ? later : batch).push(one);
    }
    this.#pending = later;
    return batch;
  }

  /** Returns what is to be tried again. */
  async #writeBatch(batch: readonly Pending[]): Promise<Pending[]> {
    try {
      await this.#store.settleJobs(batch.map(({ settlement }) => settlement));
      for (const { finished } of batch) finished();
      return [];
    } catch (error) {
      const busy = isCallwireError(error) && error.retryable;
      if (busy || batch.length === 1) return batch.flatMap((one) => this.#failed(one, error));
    }
    const left: Pending[] = [];
    for (const one of batch) left.push(...(await this.#writeBatch([one])));
    return left;
  }

  #failed(pending: Pending, error: unknown): Pending[] {
    const { append, ...bare } = pending.settlement;
    const job = bare.jobId;
    if (append && isCallwireError(error) && !error.retryable) {
      this.#log.error({ err: error, job }, 'the result of a job was refused, settled without it');
      return [{ ...pending, settlement: bare }];
    }
    if (performance.now() < pending.until) {
      this.#log.warn({ err: error, job }, 'a settlement failed and is tried again');
      return [pending];
    }
    this.#log.error({ err: error, job }, 'a settlement was given up, the job will be tried again');
    pending.finished();
    return [];
  }
}
