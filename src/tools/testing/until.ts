import { vi } from 'vitest';

/** Waits until `condition` gives something, and gives that: patient, for a machine that is busy. */
export function until<T>(condition: () => T) {
  return vi.waitUntil(condition, { timeout: 15_000, interval: 5 });
}
