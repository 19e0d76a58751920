import type { EndReason } from '../../events/vocabulary.ts';
import { endReasonOf, plainWords } from '../end_reason.ts';

/**
 * Vapi has some hundred `endedReason`s, and makes more: they are read by what they begin with, the
 * first that fits.
 */
const BEGINNINGS: readonly [RegExp, EndReason][] = [
  [/^(customer-ended-call-(during|before|after)-(warm-)?transfer)/, 'caller_hung_up'],
  [/^customer-ended-call/, 'caller_hung_up'],
  [/^customer-busy/, 'busy'],
  [/^customer-did-not-(answer|give)/, 'no_answer'],
  [/^assistant-forwarded-call/, 'transferred'],
  [/^assistant-(ended|said)/, 'agent_hung_up'],
  [/^assistant-(join-timed-out|not-|request-)/, 'error'],
  [/^exceeded-max-duration/, 'max_duration'],
  [/^silence-timed-out/, 'silence'],
  [/^voicemail/, 'voicemail'],
  [/^(manually-cancel|call-deleted|call-ended-by-api)/, 'ended_by_api'],
  [/^twilio-reported-customer-misdialed/, 'invalid_number'],
  [/^(twilio|vonage|phone-call-provider)-.*(fail|reject|did-not)/, 'dial_failed'],
  [/^phone-call-provider-/, 'media_lost'],
  [/^(no-server-available|license-check-failed|vapifault|database-error)/, 'error'],
  [
    /^(pipeline-error|pipeline-no|call-in-progress-error-.*(llm|voice|transcriber|provider))/,
    'model_unavailable',
  ],
  [/^call-(start|starting)-error.*(limit|subscription|concurrency)/, 'no_capacity'],
  [/^call-(start|starting|ringing)-error/, 'dial_failed'],
  [/^call-(in-progress-)?(twilio|sip|vonage|telnyx)-completed-call/, 'caller_hung_up'],
  [/^call-(in-progress-)?error-sip/, 'media_lost'],
  [/^call-in-progress-error/, 'error'],
  [/^call-forwarding-operator-busy/, 'busy'],
  [/^call-(ringing|ending|starting)-hook-executed.*transfer/, 'transferred'],
  [/^call-(ringing|ending|starting)-hook-executed/, 'agent_hung_up'],
  [/^worker-shutdown/, 'shutdown'],
];

export function vapiEndReason(words: string | undefined): EndReason | undefined {
  if (words === undefined) return undefined;
  const plain = plainWords(words);
  return BEGINNINGS.find(([begins]) => begins.test(plain))?.[1] ?? endReasonOf(words) ?? 'unknown';
}
