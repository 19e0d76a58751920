import { z } from 'zod';
import type { Condition } from './condition/condition.ts';
import { type ConditionNames, parseCondition } from './condition/condition_parser.ts';
import { OUTCOME_WORDS } from './follow_up_rules.ts';

/** Whom another agent calls when a call of this profile is completed. */
export interface CallRule {
  /** As it is written; what the rule is known by. */
  when: string;
  condition: Condition;
  /** The agent that calls. */
  callWith: string;
  /** What the profile says of consent; `null` where it says nothing. */
  knownConsent: boolean | null;
}

/** What a condition may ask of the call itself. */
export const CALL_NAMES = [
  'id',
  'direction',
  'from',
  'to',
  'agentId',
  'answered',
  'durationSeconds',
  'endReason',
  'metadata',
] as const;

const MAX_RULES = 50;

export const callRules = z
  .array(
    z.strictObject({
      on: z
        .literal('call.completed')
        .meta({ description: 'When the rule is looked at.', examples: ['call.completed'] }),
      when: z
        .string()
        .regex(/\S/, 'is empty')
        .meta({
          description:
            'What must hold: a comparison of `contact.…`, `call.…`, `extraction.…` or `outcome` with a value, or several with `and`, `or`, `not`.',
          examples: ['contact.AnnualRevenue > 100000'],
        }),
      call_with: z
        .string()
        .regex(/\S/, 'is empty')
        .meta({
          description: 'The agent that then calls the other party: the name of its profile.',
          examples: ['vip'],
        }),
      known_consent: z
        .boolean()
        .optional()
        .meta({
          description:
            'You know that whom this rule calls has agreed to be called (default: what was said of an outbound call; of one that came in, nothing).',
          examples: [true],
        }),
    }),
  )
  .max(MAX_RULES);

/** What conditions of a profile may name, whose calls are asked for these fields. */
export function conditionNames(extraction: readonly { name: string }[]): ConditionNames {
  return {
    contact: 'any',
    call: CALL_NAMES,
    extraction: extraction.map(({ name }) => name),
    outcome: 'none',
  };
}

/** What is wrong with a condition, for people; `null` where nothing is. */
export function conditionProblem(when: string, names: ConditionNames): string | null {
  const parsed = parseCondition(when, names);
  if ('problem' in parsed) return parsed.problem;
  const word = unknownOutcome(parsed.condition);
  return word === null
    ? null
    : `compares outcome with ${JSON.stringify(word)}, and there are ${OUTCOME_WORDS.join(', ')}`;
}

/** The rules of a checked profile. */
export function callRulesFrom(
  written: z.output<typeof callRules>,
  extraction: readonly { name: string }[],
): CallRule[] {
  const names = conditionNames(extraction);
  return written.map(({ when, call_with: callWith, known_consent: knownConsent }) => {
    const parsed = parseCondition(when, names);
    if ('problem' in parsed) throw new Error(`the rules of a profile were not checked: ${when}`);
    return { when, condition: parsed.condition, callWith, knownConsent: knownConsent ?? null };
  });
}

/** A word that is compared with `outcome` and is none: such a rule would never hold. */
function unknownOutcome(condition: Condition): string | null {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return unknownOutcome(condition.left) ?? unknownOutcome(condition.right);
    case 'not':
      return unknownOutcome(condition.of);
    case 'is':
      return null;
    case 'compare': {
      const sides = [condition.left, condition.right];
      const asked = sides.some((side) => 'path' in side && side.path[0] === 'outcome');
      const words = sides.flatMap((side) => ('value' in side ? [side.value] : []));
      const wrong = words.find(
        (word) => word !== null && !(OUTCOME_WORDS as readonly unknown[]).includes(word),
      );
      return asked && wrong !== undefined ? String(wrong) : null;
    }
  }
}
