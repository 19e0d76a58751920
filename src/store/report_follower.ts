import { setTimeout as sleep } from 'node:timers/promises';
import { logger } from '../config/log.ts';
import type { ReportInbox } from './report_inbox.ts';

/** In one commit, whose pages they share. */
const AT_A_TIME = 16;
/** So many that wait are worth more than that somebody waits a little longer. */
const MANY = 5_000;
/** Where somebody waits, a rest is so many times as long as the work before it. */
const REST = 9;
const RETRY_MS = 1_000;

export interface ReportFollowerOptions {
  inbox: ReportInbox;
  /** Follows these, or the first of them until it is enough, and commits it. */
  follow: (positions: readonly number[], isEnough: () => Promise<boolean>) => Promise<void>;
  /** Whether anybody waits for the store. */
  isPressed: () => Promise<boolean>;
  /** Runs it when nobody waits for anything else. */
  inBackground: (work: () => Promise<void>) => Promise<void>;
  /** Wait behind a failure, milliseconds. (Default: 1000) */
  retryMs?: number;
}

/**
 * Follows the reports that were taken, in the order in which they came.
 *
 * ```
 * idle ── wake ──► following, 16 at a time ── none left ──► idle
 *                    │  ▲  │ somebody waited for the store meanwhile
 *       store fails  │  │  └──► resting for nine times as long as it took ──► following
 *                    ▼  │ 1 s, then one by one until one could be followed: those that cannot
 *                  waiting    go to the end of the line
 * ```
 *
 * The rests leave nine tenths of the thread to those who wait. What comes in them is not lost time: reports of
 * one call are followed together, which took a third less for each at 500 a second. With more than 5000
 * waiting, some ten seconds' work, it goes on without.
 */
export class ReportFollower {
  readonly #options: ReportFollowerOptions;
  readonly #log = logger('store');
  readonly #closing = new AbortController();
  #running: Promise<void> | null = null;
  #atATime = AT_A_TIME;

  constructor(options: ReportFollowerOptions) {
    this.#options = options;
  }

  /** There may be some. */
  wake(): void {
    if (this.#options.inbox.size > 0) this.#running ??= this.#run();
  }

  /** Behind the commit in hand; what is left is followed at the next start. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { inbox, inBackground, retryMs = RETRY_MS } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted && inbox.size > 0) {
      let restMs = 0;
      await inBackground(async () => {
        restMs = await this.#someMore();
      }).catch((err: unknown) => {
        this.#failed(err);
        restMs = retryMs;
      });
      if (restMs > 0) await sleep(restMs, undefined, { signal }).catch(() => {});
    }
    // In the same turn as the last look, or one that is taken in between would wait for the next.
    this.#running = null;
  }

  /** Resolves with how long to rest, milliseconds. */
  async #someMore(): Promise<number> {
    const { inbox, follow, isPressed } = this.#options;
    if (this.#closing.signal.aborted) return 0;
    const start = performance.now();
    const positions = inbox.next(this.#atATime);
    let pressed = false;
    try {
      await follow(positions, async () => {
        pressed ||= await isPressed();
        return pressed && inbox.size < MANY;
      });
    } catch (error) {
      if (positions.length === 1) inbox.putBack(positions);
      throw error;
    }
    this.#atATime = AT_A_TIME;
    return pressed && inbox.size < MANY ? REST * (performance.now() - start) : 0;
  }

  #failed(err: unknown): void {
    this.#atATime = 1;
    this.#log.error({ err }, 'reports of other platforms could not be followed, will be repeated');
  }
}
