import type { EndReason, Outcome } from '../events/vocabulary.ts';

/**
 * What the model may choose from, and what it is told of each; what weighs most stands first. The
 * other outcomes are facts of the line, which no transcript can prove.
 */
export const MODEL_OUTCOMES = {
  VOICEMAIL: 'an answering machine or a mailbox spoke, no person',
  DNC: 'the other party said that they do not want to be called any more',
  WRONG_NUMBER: 'the other party said that nobody whom the call was for is at this number',
  NOT_OWNER:
    'the other party said that they are not the owner of what the call was about, or not any more',
  APPOINTMENT: 'both sides agreed on a date and a time for a meeting, a visit or another call',
  CALLBACK: 'the other party wants to be called again, without a fixed time',
  INTERESTED: 'the other party is interested, and nothing more definite was agreed',
  NOT_INTERESTED: 'the other party declined',
  RESOLVED: 'what the call was about is settled: nobody has to do anything more',
  UNKNOWN: 'none of these, or it cannot be told',
} as const satisfies Partial<Record<Outcome, string>>;

export type ModelOutcome = keyof typeof MODEL_OUTCOMES;

/** Another platform's word, where it is one that could have come from a model. */
export function modelOutcome(outcome: Outcome | null | undefined): ModelOutcome | null {
  const known = outcome != null && Object.hasOwn(MODEL_OUTCOMES, outcome);
  return known ? (outcome as ModelOutcome) : null;
}

/*
 * What came of a call
 * ===================
 *
 * | end_reason                                             | outcome                              |
 * |--------------------------------------------------------|--------------------------------------|
 * | no_answer                                              | NO_ANSWER                            |
 * | busy                                                   | BUSY                                 |
 * | voicemail                                              | VOICEMAIL                            |
 * | transferred, transfer_unconfirmed, forwarded           | TRANSFERRED; the model's DNC counts  |
 * | dial_failed, invalid_number, blocked, no_capacity      | FAILED                               |
 * | rejected                                               | outbound BUSY, inbound FAILED        |
 * | never answered: caller_hung_up                         | inbound NO_ANSWER, outbound FAILED   |
 * |   ended_by_api                                         | UNKNOWN                              |
 * |   any other                                            | FAILED                               |
 * | answered: any other                                    | the model's; where that is unknown:  |
 * |   a machine picked up                                  | VOICEMAIL                            |
 * |   model_unavailable, media_lost, worker_lost, error, … | FAILED                               |
 * |   the rest                                             | UNKNOWN                              |
 *
 * - `invalid_number` is not WRONG_NUMBER: that is what a person said, and takes the number off the
 *   list for good. A carrier also answers "no such number" to everything when a trunk is set up wrong.
 * - Who declines a call (`rejected`) is as little to be had as somebody on another one.
 * - `transfer_unconfirmed` counts as handed on, as its event `call.transferred` says.
 * - The wish not to be called weighs more than having been put through.
 * - A call that was cancelled before anybody answered has not failed: nobody shall try it again.
 */
export function outcomeOf(
  call: {
    direction: 'inbound' | 'outbound';
    answered: boolean;
    endReason: string | null;
    answeredBy?: string | null;
  },
  model: ModelOutcome | null,
): Outcome {
  const reason = call.endReason as EndReason | null;
  if (reason === 'rejected') return call.direction === 'outbound' ? 'BUSY' : 'FAILED';
  const certain = reason === null ? undefined : CERTAIN[reason];
  if (certain === 'TRANSFERRED' && model === 'DNC') return 'DNC';
  if (certain !== undefined) return certain;
  if (!call.answered) {
    if (reason === 'ended_by_api') return 'UNKNOWN';
    return call.direction === 'inbound' && reason === 'caller_hung_up' ? 'NO_ANSWER' : 'FAILED';
  }
  if (model !== null && model !== 'UNKNOWN') return model;
  if (call.answeredBy === 'machine') return 'VOICEMAIL';
  return reason !== null && FAILURES.has(reason) ? 'FAILED' : 'UNKNOWN';
}

const CERTAIN: Partial<Record<EndReason, Outcome>> = {
  no_answer: 'NO_ANSWER',
  busy: 'BUSY',
  voicemail: 'VOICEMAIL',
  transferred: 'TRANSFERRED',
  transfer_unconfirmed: 'TRANSFERRED',
  forwarded: 'TRANSFERRED',
  dial_failed: 'FAILED',
  invalid_number: 'FAILED',
  blocked: 'FAILED',
  no_capacity: 'FAILED',
};

const FAILURES: ReadonlySet<EndReason> = new Set([
  'context_unavailable',
  'model_unavailable',
  'media_lost',
  'worker_lost',
  'shutdown',
  'error',
]);
