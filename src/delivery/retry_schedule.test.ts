import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BUSY_WAIT_MS,
  createRetrySchedule,
  DEFAULT_RETRY_STEPS,
  parseRetryAfter,
} from './retry_schedule.ts';

const anyRandom = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const anyAttempt = fc.integer({ min: 1, max: DEFAULT_RETRY_STEPS.length });

describe('the retry schedule', () => {
  it('goes on for about two days, then gives up', () => {
    const schedule = createRetrySchedule({ random: () => 0.5 });
    const delays = DEFAULT_RETRY_STEPS.map((_, i) => schedule.delayAfter(i + 1));
    expect(delays).toEqual(DEFAULT_RETRY_STEPS);
    expect(DEFAULT_RETRY_STEPS.reduce((sum, step) => sum + step)).toBeGreaterThan(47 * 3_600_000);
    expect(schedule.delayAfter(DEFAULT_RETRY_STEPS.length + 1)).toBeNull();
  });

  it('stays within 20 % of the step', () => {
    fc.assert(
      fc.property(anyAttempt, anyRandom, (attempt, random) => {
        const step = DEFAULT_RETRY_STEPS[attempt - 1] ?? 0;
        const delay = createRetrySchedule({ random: () => random }).delayAfter(attempt);
        expect(delay).toBeGreaterThanOrEqual(0.8 * step);
        expect(delay).toBeLessThanOrEqual(1.2 * step);
      }),
    );
  });

  it('waits a minute at least where the backend is busy, and never loses its spread', () => {
    fc.assert(
      fc.property(anyAttempt, anyRandom, (attempt, random) => {
        const delay = createRetrySchedule({ random: () => random }).delayAfter(attempt, {
          notBeforeMs: BUSY_WAIT_MS,
        });
        const step = Math.max(DEFAULT_RETRY_STEPS[attempt - 1] ?? 0, BUSY_WAIT_MS);
        expect(delay).toBeGreaterThanOrEqual(Math.max(BUSY_WAIT_MS, 0.8 * step));
        expect(delay).toBeLessThanOrEqual(1.2 * step);
      }),
    );
    const busy = { notBeforeMs: BUSY_WAIT_MS };
    expect(createRetrySchedule({ random: () => 0.1 }).delayAfter(1, busy)).not.toBe(
      createRetrySchedule({ random: () => 0.9 }).delayAfter(1, busy),
    );
  });

  it('never comes later than an attempt is of use', () => {
    const schedule = createRetrySchedule({ steps: [10_000] });
    const hint = { notBeforeMs: 60_000, retryAfterMs: 90_000, notAfterMs: 3_000 };
    expect(schedule.delayAfter(1, hint)).toBe(3_000);
    expect(schedule.delayAfter(2, hint)).toBeNull();
  });

  it('honours Retry-After between once and twice the step', () => {
    fc.assert(
      fc.property(
        anyAttempt,
        anyRandom,
        fc.integer({ min: 1, max: 400_000_000 }),
        (attempt, random, retryAfterMs) => {
          const step = DEFAULT_RETRY_STEPS[attempt - 1] ?? 0;
          const delay = createRetrySchedule({ random: () => random }).delayAfter(attempt, {
            retryAfterMs,
          });
          expect(delay).toBeGreaterThanOrEqual(step);
          expect(delay).toBeLessThanOrEqual(2 * step);
          if (retryAfterMs <= 2 * step) expect(delay).toBeGreaterThanOrEqual(retryAfterMs);
        },
      ),
    );
  });
});

describe('parseRetryAfter', () => {
  const now = Date.UTC(2026, 0, 5, 12, 0, 0);

  it.each([
    ['120', 120_000],
    [' 7 ', 7000],
    ['Mon, 05 Jan 2026 12:01:30 GMT', 90_000],
    ['Mon, 05 Jan 2026 11:00:00 GMT', undefined],
    ['0', undefined],
    ['-5', undefined],
    ['2027', 2_027_000],
    ['5.5', undefined],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('reads %o as %o ms', (header, expected) => {
    expect(parseRetryAfter(header, now)).toBe(expected);
  });
});
