/*
 * A job that was claimed on its way to an attempt:
 *
 *            its target has a free lane
 *   claimed ────────────────────────────────▶ attempt ──leave()──▶ the next in line enters
 *      │  none                                   ▲
 *      └───────▶ in line ────────────────────────┘
 *                   │ `patienceMs` over, or close()
 *                   └──────────────────▶ sent back, untried
 *
 * Jobs are claimed ahead so that a lane that becomes free has its next one here: fetched from the
 * store one by one, two threads wake each other for every delivery, and that costs more than a POST.
 */

interface Target {
  attempts: number;
  line: ((entered: boolean) => void)[];
}

/** How many attempts a target may have at a time, and the line of those that wait for one. */
export class TargetLanes {
  readonly #patienceMs: number;
  readonly #targets = new Map<string, Target>();
  #closed = false;

  /** `patienceMs`: how long one waits in line at most. */
  constructor({ patienceMs }: { patienceMs: number }) {
    this.#patienceMs = patienceMs;
  }

  /** `true`: go, and `leave` afterwards. `false`: it took too long, or nothing begins any more. */
  async enter(target: string, lanes: number): Promise<boolean> {
    if (this.#closed) return false;
    const state = this.#targets.get(target) ?? { attempts: 0, line: [] };
    this.#targets.set(target, state);
    if (state.attempts < lanes) {
      state.attempts += 1;
      return true;
    }
    const { promise, resolve } = Promise.withResolvers<boolean>();
    state.line.push(resolve);
    const timer = setTimeout(() => {
      state.line = state.line.filter((one) => one !== resolve);
      resolve(false);
    }, this.#patienceMs);
    const entered = await promise;
    clearTimeout(timer);
    return entered;
  }

  leave(target: string): void {
    const state = this.#targets.get(target);
    if (!state) return;
    const next = state.line.shift();
    if (next) next(true);
    else if (--state.attempts === 0) this.#targets.delete(target);
  }

  /** Sends everybody in line back. */
  close(): void {
    this.#closed = true;
    for (const state of this.#targets.values()) for (const one of state.line.splice(0)) one(false);
  }
}
