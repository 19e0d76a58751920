/** Further ahead of the time that has passed, the clock has been set. */
const JUMP_MS = 600_000;

export interface Clocks {
  /** The wall clock, milliseconds. (Default: `Date.now`) */
  clock?: () => number;
  /** A clock that nobody sets, milliseconds. (Default: `performance.now`) */
  steadyClock?: () => number;
}

/**
 * Whether the wall clock has jumped ahead since the last look: everything seems old then, and what is
 * deleted for its age would be gone before anybody can put the clock right.
 */
export class ClockJump {
  readonly #clocks: Clocks;
  #last: { wall: number; steady: number } | null = null;

  constructor(clocks: Clocks = {}) {
    this.#clocks = clocks;
  }

  /** Now by the wall clock, and whether that can be believed. */
  look(): { now: number; jumped: boolean } {
    const { clock = Date.now, steadyClock = () => performance.now() } = this.#clocks;
    const [wall, steady] = [clock(), steadyClock()];
    const last = this.#last;
    this.#last = { wall, steady };
    const jumped = last !== null && wall - last.wall > steady - last.steady + JUMP_MS;
    return { now: wall, jumped };
  }
}
