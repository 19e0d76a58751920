import { z } from 'zod';

/** One line of the table: a number, and what it may be at most. */
const lineSchema = z.strictObject({
  /** Of the measurement that it belongs to, as `--only` knows it. */
  measurement: z.string(),
  what: z.string(),
  /** `null`: it could not be measured. */
  value: z.number().nullable(),
  unit: z.enum(['ms', '×', 'MiB']),
  /** `null`: stands there to be compared with, and cannot fail. */
  atMost: z.number().nullable(),
  /** How many samples the value is made of. */
  n: z.int().nonnegative(),
  /** Samples that came to nothing: a call that broke, a greeting that was cut, a result never seen. */
  failures: z.int().nonnegative(),
  /** What explains the value: medians and tails of its parts, milliseconds unless the name says. */
  details: z.record(z.string(), z.number()),
  /** Every sample in the order of measuring, where there are few enough to look at. */
  samples: z.record(z.string(), z.array(z.number())).optional(),
});

export const resultSchema = z.strictObject({
  /** ISO 8601, of the start. */
  date: z.iso.datetime(),
  durationInSeconds: z.number(),
  options: z.strictObject({ pairs: z.int().positive(), quick: z.boolean() }),
  machine: z.strictObject({
    host: z.string(),
    cpu: z.string(),
    cores: z.int().positive(),
    memoryInGiB: z.number(),
    kernel: z.string(),
    node: z.string(),
    /** The 1-minute load before anything of ours ran: above 0.5 the machine was not quiet. */
    loadBefore: z.number(),
  }),
  versions: z.record(z.string(), z.string()),
  lines: z.array(lineSchema),
});

export type Line = z.infer<typeof lineSchema>;
export type Result = z.infer<typeof resultSchema>;

export type Verdict = 'pass' | 'FAIL' | 'not measured' | '';

export function verdict({ value, atMost, n }: Line): Verdict {
  if (value === null || n === 0) return 'not measured';
  if (atMost === null) return '';
  return value <= atMost ? 'pass' : 'FAIL';
}
