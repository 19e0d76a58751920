import type { Lab } from './lab.ts';
import type { Line } from './result.ts';

export interface MeasurementOptions {
  /** Paired samples; measurements that are not of pairs derive their own number from it. */
  pairs: number;
  /** Only shows that it runs: the smallest numbers, no warm-up. */
  quick: boolean;
  lab: Lab;
  /** Progress, for whoever waits. */
  log: (line: string) => void;
}

/** One thing that is measured: a few lines of the table. */
export interface Measurement {
  /** For `--only`. */
  readonly name: string;
  readonly about: string;
  run(options: MeasurementOptions): Promise<Omit<Line, 'measurement'>[]>;
}
