import type { AttemptRecord } from '../store/store.ts';

/** What came of an attempt; of what it does not name there is none. */
type Answer = Partial<Pick<AttemptRecord, 'status' | 'error' | 'response'>>;

/** An attempt begins: its record is made where it ends, and has lasted until then. */
export function beginAttempt(at: number): (answer?: Answer) => AttemptRecord {
  const started = performance.now();
  return (answer = {}) => {
    const durationMs = Math.round(performance.now() - started);
    return { at, durationMs, status: null, error: null, response: null, ...answer };
  };
}

/** Nothing was tried, and why. */
export function untried(at: number, error: string): AttemptRecord {
  return { at, durationMs: 0, status: null, error, response: null };
}
