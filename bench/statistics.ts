/**
 * The value below which a share `q` of the values lies, by nearest rank: always one that was really
 * measured, and of few values the worst. `NaN` of none.
 */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = Math.ceil(q * sorted.length);
  return sorted[Math.max(0, rank - 1)] ?? Number.NaN;
}

/** The middle value, or the mean of the two in the middle. `NaN` of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  const upper = sorted[Math.floor(half)] ?? Number.NaN;
  const lower = sorted[Math.ceil(half) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

/** How values spread, for a result's `details`: `<name>_p50` and so on. */
export function spread(name: string, values: readonly number[]): Record<string, number> {
  if (values.length === 0) return {};
  return {
    [`${name}_p50`]: median(values),
    [`${name}_p95`]: quantile(values, 0.95),
    [`${name}_p99`]: quantile(values, 0.99),
    [`${name}_max`]: Math.max(...values),
  };
}
