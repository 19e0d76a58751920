import { expect, test } from 'vitest';
import { parseDuration } from './duration.ts';

test.each([
  ['2s', 2_000],
  ['10 m', 600_000],
  ['2h', 7_200_000],
  ['5d', 432_000_000],
  ['250ms', 250],
  ['1.5s', 1_500],
  [' 0s ', 0],
])('%s is %i ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(['', '10', 's', '-1s', '2 weeks', '1s 2s', '1e3s', '2S', '9999999999s'])(
  '%j is no duration',
  (text) => {
    expect(parseDuration(text)).toBeNull();
  },
);
