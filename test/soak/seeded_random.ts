import { randomInt } from 'node:crypto';

/**
 * Chance that can be had again: what a soak finds is looked into with the same moments. The seed is
 * printed; `SOAK_SEED` gives it back.
 *
 * The numbers are mulberry32's, which is small and good enough to choose moments.
 */
export class SeededRandom {
  readonly seed: number;
  #state: number;

  constructor(seed: number = chosenSeed()) {
    this.seed = seed;
    this.#state = seed;
  }

  /** From 0 to 1, without the 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  oneOf<T>(items: readonly T[]): T | undefined {
    return items[this.between(0, items.length - 1)];
  }
}

function chosenSeed(): number {
  const { SOAK_SEED } = process.env;
  if (!SOAK_SEED) return randomInt(2 ** 32);
  const seed = Number(SOAK_SEED);
  if (!Number.isInteger(seed) || seed < 0) throw new Error('SOAK_SEED has to be a whole number');
  return seed;
}
