import { z } from 'zod';
import { parseDuration } from './duration.ts';

/** When somebody is called once more: a profile's answer to an outcome of its outbound calls. */
export interface FollowUpRule {
  on: FollowedOutcome;
  /** Milliseconds, from the end of the call. */
  afterMs: number;
  /** How many follow-ups a chain of calls may have, whatever outcomes they had. */
  times: number;
}

/**
 * The outcomes that can be followed up. DNC, NOT_OWNER and WRONG_NUMBER are none of them: they put the
 * number on the suppression list.
 */
export const FOLLOWED_OUTCOMES = [
  'NO_ANSWER',
  'BUSY',
  'VOICEMAIL',
  'FAILED',
  'CALLBACK',
  'INTERESTED',
  'NOT_INTERESTED',
  'APPOINTMENT',
  'RESOLVED',
  'TRANSFERRED',
  'UNKNOWN',
] as const;
export type FollowedOutcome = (typeof FOLLOWED_OUTCOMES)[number];

/** Every outcome there is, in the catalogue's words. */
export const OUTCOME_WORDS = [...FOLLOWED_OUTCOMES, 'DNC', 'NOT_OWNER', 'WRONG_NUMBER'] as const;

export const MAX_FOLLOW_UPS = 20;
const MAX_AFTER_MS = 366 * 86_400_000;

const after = z.string().refine((text) => {
  const ms = parseDuration(text);
  return ms !== null && ms <= MAX_AFTER_MS;
}, 'must be a time with its unit, such as 30m, 2h or 1d, and at most a year');

export const followUpRules = z
  .array(
    z.strictObject({
      on: z
        .enum(FOLLOWED_OUTCOMES)
        .meta({ description: 'The outcome of the call.', examples: ['NO_ANSWER'] }),
      after: after.meta({
        description:
          'How long after the end of the call: `30m`, `2h`, `1d`. Where that is outside `CALLING_HOURS`, when they begin next at the place of the phone.',
        examples: ['2h'],
      }),
      times: z
        .int()
        .min(1)
        .max(MAX_FOLLOW_UPS)
        .default(1)
        .meta({
          description: 'How many follow-ups there are at most, in the whole chain of calls.',
          examples: [3],
        }),
    }),
  )
  .superRefine((rules, context) => {
    for (const [index, { on }] of rules.entries()) {
      if (rules.findIndex((rule) => rule.on === on) === index) continue;
      context.addIssue({
        code: 'custom',
        path: [index, 'on'],
        message: `the same outcome twice: keep one of them`,
      });
    }
  });

/** The rules of a checked profile. */
export function followUpRulesFrom(written: z.output<typeof followUpRules>): FollowUpRule[] {
  return written.map(({ on, after, times }) => ({ on, afterMs: parseDuration(after) ?? 0, times }));
}
