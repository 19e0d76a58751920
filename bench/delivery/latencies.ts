import type { Report } from '../ledger_load.ts';
import type { Arrivals } from './receiver.ts';

export interface Latency {
  /** Of the request that arrived. */
  path: string;
  /** Append → verified arrival. */
  ms: number;
}

/** Of every arrival of what these writers appended. */
export function latencies(
  writers: readonly Pick<Report, 'ids' | 'appendedAt'>[],
  arrivals: Arrivals,
): Latency[] {
  const appendedAt = new Map<string, number>();
  for (const report of writers) {
    for (const [index, id] of report.ids.entries()) {
      appendedAt.set(id, report.appendedAt[index] ?? Number.NaN);
    }
  }
  return arrivals.ids.flatMap((id, index) => {
    const from = appendedAt.get(id);
    const to = arrivals.at[index];
    if (from === undefined || to === undefined) return [];
    return [{ path: arrivals.paths[index] ?? '', ms: to - from }];
  });
}
