import type { EndReason } from '../events/vocabulary.ts';

/**
 * Words of an end that platforms share, for what no list of theirs has: the first that fits. Their own
 * lists grow, so each has this behind it.
 */
const WORDS: readonly [RegExp, EndReason][] = [
  [/voice-?mail|machine/, 'voicemail'],
  [/no-?answer|did-?not-?answer|unanswered|not-?answered|missed|ring-?timeout/, 'no_answer'],
  [/busy/, 'busy'],
  [/declin|reject|spam|blocked/, 'rejected'],
  [/misdial|invalid-(destination|number|phone)|unallocated|not-in-service/, 'invalid_number'],
  [/transfer|forward/, 'transferred'],
  [/max-duration|max-?call|duration-(limit|reached|exceeded)|exceeded-max/, 'max_duration'],
  [/silence|inactiv|idle/, 'silence'],
  [/concurren|capacity|limit-reached|quota/, 'no_capacity'],
  [/cancel|manual|(^|-)api-|deleted/, 'ended_by_api'],
  [/fail|sip|dial|carrier|telephony|permission-denied/, 'dial_failed'],
  [/(^|-)(user|customer|caller|human|callee|client|remote|contact)-/, 'caller_hung_up'],
  [/(^|-)(agent|assistant|bot|ai)-/, 'agent_hung_up'],
  [/shutdown|shutting/, 'shutdown'],
  [/llm|model|asr|tts|voice|transcri|pipeline|provider/, 'model_unavailable'],
  [/error|fault|exception/, 'error'],
];

/** The reason behind a platform's words; `undefined` where none is told. */
export function endReasonOf(words: string | undefined): EndReason | undefined {
  if (words === undefined) return undefined;
  const plain = plainWords(words);
  if (plain === '') return undefined;
  return WORDS.find(([pattern]) => pattern.test(`${plain}-`))?.[1];
}

/** In lower case, with a hyphen for whatever stands between words. */
export function plainWords(words: string): string {
  return words
    .replace(/([a-z])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
}
