import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { derivedId, idTime } from '../ids.ts';
import type { Append, AppendResult, Store } from '../store/store.ts';

export interface CloserOptions {
  store: Pick<Store, 'silentCalls'>;
  commit: (append: Append) => Promise<AppendResult>;
  log: Logger;
  /** (Default: `Date.now`) */
  clock?: () => number;
}

/** A call that only says that it ended is closed 15 s later: a second more is no matter. */
const EVERY_MS = 1_000;
const AT_A_TIME = 50;

/**
 * Closes calls whose platform does not: one that said only that it ended, and one of which nothing has
 * been heard for INGEST_STALE_AFTER. When that is stands in the call's row, moved by each report. That a
 * call is closed is a report like the others, with an id that follows from the call: on several machines
 * it is closed once.
 */
export class Closer {
  readonly #options: CloserOptions;
  readonly #clock: () => number;
  readonly #closing = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: CloserOptions) {
    this.#options = options;
    this.#clock = options.clock ?? Date.now;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Stops behind the round in hand. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  /** One round; returns the calls that were closed. */
  async closeDue(): Promise<string[]> {
    const { store, commit, log } = this.#options;
    const due = await store.silentCalls(AT_A_TIME);
    const results = await Promise.all(due.map((callId) => commit(closing(callId, this.#clock()))));
    for (const [i, result] of results.entries()) {
      if (result.status === 'appended') continue;
      log.error({ callId: due[i], result }, 'a reported call could not be closed');
    }
    return due;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      // A store that is down is asked again; it does not matter when.
      const closed = await this.closeDue().catch((error: unknown) => {
        this.#options.log.error({ err: error }, 'silent calls could not be looked for');
        return [];
      });
      if (closed.length === AT_A_TIME) continue;
      await sleep(EVERY_MS, undefined, { signal, ref: false }).catch(() => {});
    }
  }
}

function closing(callId: string, time: number): Append {
  const id = derivedId('fct', idTime(callId), `${callId} closed`);
  return { callId, facts: [{ id, kind: 'report', time, data: { stage: 'closed' } }] };
}
