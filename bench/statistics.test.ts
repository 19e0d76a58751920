import { describe, expect, it } from 'vitest';
import { median, quantile, spread } from './statistics.ts';

describe('quantile', () => {
  const values = Array.from({ length: 200 }, (_, i) => 200 - i);

  it('is a value that was measured, whatever the order', () => {
    expect(quantile(values, 0.5)).toBe(100);
    expect(quantile(values, 0.99)).toBe(198);
    expect(quantile(values, 1)).toBe(200);
  });

  it('is the worst of few values', () => {
    expect(quantile([3, 9, 1], 0.99)).toBe(9);
    expect(quantile([7], 0.01)).toBe(7);
  });

  it('is not a number where nothing was measured', () => {
    expect(quantile([], 0.5)).toBeNaN();
  });
});

describe('median', () => {
  it('is the middle of an odd number, between the two in the middle of an even one', () => {
    expect(median([9, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 100])).toBe(3);
    expect(median([])).toBeNaN();
  });
});

describe('spread', () => {
  it('names each number, and says nothing of nothing', () => {
    expect(spread('x', [1, 2, 3])).toEqual({ x_p50: 2, x_p95: 3, x_p99: 3, x_max: 3 });
    expect(spread('x', [])).toEqual({});
  });
});
