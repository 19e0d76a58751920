import { z } from 'zod';
import { OUTCOMES } from '../events/vocabulary.ts';
import type { CallFigures } from '../store/analytics_store.ts';

export const CallTotals = z.object({
  calls: z.number().describe('Completed calls.'),
  answered: z.number(),
  durationSeconds: z.number().describe('From the answers to the ends, together.'),
  outcomes: z
    .partialRecord(z.enum(OUTCOMES), z.number())
    .describe('How many calls of each outcome; those that there were.'),
  totalCost: z.number().describe('US dollars, of the calls whose cost is known.'),
  callsWithoutCost: z.number().describe('Calls whose cost is not known.'),
});

/** Adds up what the store has counted, exactly: in milliseconds and millionths of a dollar. */
export function callTotals(figures: readonly CallFigures[]): z.infer<typeof CallTotals> {
  const sum = (of: (one: CallFigures) => number) =>
    figures.reduce((total, one) => total + of(one), 0);
  const outcomes: Partial<Record<(typeof OUTCOMES)[number], number>> = {};
  for (const { outcome, calls } of figures) {
    const known = Outcome.safeParse(outcome).data;
    if (known) outcomes[known] = (outcomes[known] ?? 0) + calls;
  }
  return {
    calls: sum(({ calls }) => calls),
    answered: sum(({ answered }) => answered),
    durationSeconds: Math.round(sum(({ talkedMs }) => talkedMs) / 1_000),
    outcomes,
    totalCost: sum(({ costMicrousd }) => costMicrousd) / 1_000_000,
    callsWithoutCost: sum(({ uncosted }) => uncosted),
  };
}

const Outcome = z.enum(OUTCOMES);
