const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** The waits after the first, second, … failed attempt: about 48 h in all. Milliseconds. */
export const DEFAULT_RETRY_STEPS: readonly number[] = [
  2 * SECOND,
  10 * SECOND,
  30 * SECOND,
  2 * MINUTE,
  10 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  10 * HOUR,
  20 * HOUR,
];

/** The least wait after 429 or a time-out: asking a busy backend again at once keeps it busy. */
export const BUSY_WAIT_MS = MINUTE;

/** Without it the deliveries that failed together come back together. */
const JITTER = 0.2;

/** What the failed attempt said of the next one; both in milliseconds from now. */
export interface RetryHint {
  notBeforeMs?: number;
  retryAfterMs?: number;
  /** Cuts whatever wait comes of the others: later, an attempt would be of no use. */
  notAfterMs?: number;
}

export interface RetrySchedule {
  /**
   * Milliseconds until the attempt after `attempt` (from 1), or `null` when that was the last.
   *
   * The step, ±20 %. `notBeforeMs` raises the step. `Retry-After` is honoured between 1× and 2× of
   * the step: less would let a backend make us hammer it, more would let it stop its own events.
   * Neither is undercut by the jitter. `notAfterMs` goes before all of them.
   */
  delayAfter(attempt: number, hint?: RetryHint): number | null;
  /** No delay is longer. */
  readonly longestMs: number;
}

export function createRetrySchedule({
  steps = DEFAULT_RETRY_STEPS,
  random = Math.random,
}: {
  steps?: readonly number[];
  /** 0 ≤ x < 1 */
  random?: () => number;
} = {}): RetrySchedule {
  const wait = (configured: number, notBeforeMs: number, retryAfterMs: number): number => {
    const step = Math.max(configured, notBeforeMs);
    const asked = retryAfterMs > 0 ? Math.min(Math.max(retryAfterMs, step), 2 * step) : 0;
    const least = Math.max(notBeforeMs, asked);
    const jittered = configured * (1 - JITTER + 2 * JITTER * random());
    if (jittered >= least) return Math.round(jittered);
    // Only upwards, but still spread: many deliveries are told the same Retry-After.
    const spread = least * (1 + JITTER * random());
    return Math.round(asked > 0 ? Math.min(spread, 2 * step) : spread);
  };
  return {
    longestMs: 2 * Math.max(BUSY_WAIT_MS, ...steps),
    delayAfter(attempt, { notBeforeMs = 0, retryAfterMs = 0, notAfterMs } = {}) {
      const configured = steps[attempt - 1];
      if (configured === undefined) return null;
      const delayMs = wait(configured, notBeforeMs, retryAfterMs);
      return notAfterMs === undefined ? delayMs : Math.min(delayMs, notAfterMs);
    },
  };
}

/**
 * `Retry-After` in milliseconds from `now`: whole seconds or an HTTP date (RFC 9110, 10.2.3).
 * `undefined` for no header, nonsense or the past.
 */
export function parseRetryAfter(
  header: string | readonly string[] | undefined,
  now: number,
): number | undefined {
  const value = (typeof header === 'string' ? header : header?.[0])?.trim();
  if (!value) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * SECOND || undefined;
  // Date.parse also takes "5.5" or "2027"; an HTTP date names its weekday.
  if (!/^[A-Z][a-z]{2}/.test(value)) return undefined;
  const at = Date.parse(value);
  return Number.isNaN(at) || at <= now ? undefined : at - now;
}
