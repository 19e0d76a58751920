import { setTimeout as sleep } from 'node:timers/promises';
import { logger } from '../config/log.ts';
import { DAY_MS } from '../durations.ts';
import type { Store } from '../store/store.ts';
import { ClockJump, type Clocks } from './clock_jump.ts';

const EVERY_MS = 3_600_000;
/**
 * A step of so many rows is one of 3 ms, 15 ms where SQLite moves its log into the file, and as long
 * for a call of one hour (4,500 rows). With the pause behind it, appends wait no longer than behind
 * each other.
 */
const ROWS_A_STEP = 500;
const PAUSE_MS = 50;

export interface PrunerOptions extends Clocks {
  store: Pick<Store, 'prune'>;
  /** 0 = nothing is ever removed. */
  retainDays: number;
  /** (Default: 1 h) */
  everyMs?: number;
  /** Between two steps. (Default: 50 ms) */
  pauseMs?: number;
}

/**
 * Removes calls when RETAIN_DAYS are over, at the start and every hour, in steps that running calls
 * do not notice:
 *
 * ```
 * waiting ── start, then every hour ──► round: calls, then events of no call
 *    ▲                                    │  step ⟲ pause
 *    └── nothing old left, a step failed, ┘
 *        or the clock had jumped ahead
 * ```
 *
 * A clock that jumped ahead makes everything look old, so a round that notices leaves it all alone:
 * there is an hour to put the clock right.
 */
export class Pruner {
  readonly #options: PrunerOptions;
  readonly #log = logger('retention');
  readonly #closing = new AbortController();
  #running: Promise<void> = Promise.resolve();
  readonly #clock: ClockJump;

  constructor(options: PrunerOptions) {
    this.#options = options;
    this.#clock = new ClockJump(options);
  }

  start(): void {
    if (this.#options.retainDays > 0) this.#running = this.#run();
  }

  /** Stops behind the step in hand. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      await this.#round().catch((err: unknown) =>
        this.#log.error({ err }, 'old calls could not be removed, will be tried again'),
      );
      await this.#pause(this.#options.everyMs ?? EVERY_MS);
    }
  }

  async #round(): Promise<void> {
    const { now, jumped } = this.#clock.look();
    if (jumped) {
      this.#log.warn('the clock has jumped ahead: nothing is removed until the next round');
      return;
    }
    const before = now - this.#options.retainDays * DAY_MS;
    const calls = await this.#remove('calls', before);
    const others = await this.#remove('events_of_no_call', before);
    if (calls.removed + others.removed + calls.kept === 0) return;
    this.#log.info(
      { calls: calls.removed, events_of_no_call: others.removed, kept: calls.kept },
      'old calls were removed',
    );
  }

  async #remove(what: 'calls' | 'events_of_no_call', before: number) {
    const total = { removed: 0, kept: 0 };
    let after = null;
    while (!this.#closing.signal.aborted) {
      const step = await this.#options.store.prune({ what, before, rows: ROWS_A_STEP, after });
      total.removed += step.removed;
      total.kept += step.kept;
      after = step.next;
      if (after === null) break;
      await this.#pause(this.#options.pauseMs ?? PAUSE_MS);
    }
    return total;
  }

  async #pause(ms: number): Promise<void> {
    const { signal } = this.#closing;
    await sleep(ms, undefined, { signal, ref: false }).catch(() => {});
  }
}
