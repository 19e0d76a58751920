import { OUTCOMES, type Outcome } from '../events/vocabulary.ts';
import { plainWords } from './end_reason.ts';
import type { JsonObject } from './loose.ts';

/** Words that platforms and their users have for what came of a call. */
const WORDS: Record<string, Outcome> = {
  'appointment-set': 'APPOINTMENT',
  'appointment-booked': 'APPOINTMENT',
  'appointment-scheduled': 'APPOINTMENT',
  booked: 'APPOINTMENT',
  'call-back': 'CALLBACK',
  'callback-requested': 'CALLBACK',
  'do-not-call': 'DNC',
  'do-not-contact': 'DNC',
  'completed-action': 'RESOLVED',
  success: 'RESOLVED',
  successful: 'RESOLVED',
};

/**
 * What came of a call, where the platform's analysis says it: in a field for it, by whether the other
 * party is interested, or by whether the call was a success. `undefined` where it does not.
 */
export function outcomeIn(
  analysis: JsonObject,
  ...words: (string | undefined)[]
): Outcome | undefined {
  for (const word of [...words, analysis.outcome, analysis.disposition]) {
    if (typeof word !== 'string') continue;
    const outcome = OUTCOMES.find((one) => plainWords(one) === plainWords(word));
    const known = outcome ?? WORDS[plainWords(word)];
    if (known !== undefined) return known;
  }
  if (isYes(analysis.interested)) return 'INTERESTED';
  if (isNo(analysis.interested)) return 'NOT_INTERESTED';
  return isYes(analysis.successful) ? 'RESOLVED' : undefined;
}

function isYes(value: unknown): boolean {
  return value === true || value === 'true' || value === 'success';
}

function isNo(value: unknown): boolean {
  return value === false || value === 'false';
}
