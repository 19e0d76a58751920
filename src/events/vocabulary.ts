import { z } from 'zod';

/** Why a call ended, with its meaning. A word is never reused for another meaning, and never removed. */
export const END_REASON_MEANINGS = {
  caller_hung_up: 'The other party hung up, also before the answer.',
  agent_hung_up: 'The agent said goodbye and hung up (`end_call`).',
  ended_by_api: 'It was ended from outside: over the HTTP API, or by removing it from LiveKit.',
  transferred: 'The other party was handed on, and the far side confirmed it.',
  transfer_unconfirmed:
    'The other party was being handed on and left; whether the far side took over was not told.',
  forwarded: 'It was sent on to another number instead of being answered.',
  max_duration: 'It reached its longest duration (`MAX_CALL_MINUTES`, `max_minutes`).',
  silence: 'Nobody said anything for `silence.hang_up_after_s`.',
  rejected:
    'It was not taken: no agent answers this number, the caller has too many calls at once, or the start hook said so.',
  no_capacity: 'Every slot (`MAX_CALLS`) was taken; the caller heard busy.',
  no_answer: 'The far phone rang, and nobody took the call.',
  busy: 'The far phone was busy.',
  invalid_number: 'The dialled number does not exist.',
  voicemail: 'A machine answered, and the profile lets it hang up.',
  dial_failed:
    'The phone could not be called: declined, forbidden, a wrong login, a trunk or a process that broke.',
  blocked: 'The dial gate refused it when its turn came; the call’s `gate.dialling` says why.',
  context_unavailable:
    'The CRM, or the backend of the start hook, did not answer in time, and the profile wants no call without (`context.on_missing`).',
  model_unavailable: 'The speech model could not be reached, or was lost during the call.',
  media_lost: 'The audio connection to the phone was lost.',
  worker_lost: 'The process that ran the call died, or lost its worker.',
  shutdown: 'The worker was stopped, and the call with it, after a spoken goodbye.',
  error: 'Something broke that no other word covers; the log has it.',
  unknown: 'The platform that ran the call has not said how it ended.',
} as const;
export type EndReason = keyof typeof END_REASON_MEANINGS;
export const END_REASONS = wordsOf(END_REASON_MEANINGS);

/** What came of a call, judged after it. A word is never reused for another meaning. */
export const OUTCOME_MEANINGS = {
  INTERESTED: 'The other party wants what was offered, with nothing agreed yet.',
  NOT_INTERESTED: 'The other party declined.',
  CALLBACK: 'The other party wants to be called again.',
  APPOINTMENT: 'A date was agreed.',
  RESOLVED: 'What the other party wanted was done in the call.',
  VOICEMAIL: 'A machine answered.',
  NO_ANSWER: 'Nobody took the call.',
  BUSY: 'The line was busy.',
  DNC: 'The other party does not want to be called any more.',
  NOT_OWNER: 'The right number, but whoever spoke cannot decide about the matter.',
  WRONG_NUMBER: 'The person sought is not at this number.',
  TRANSFERRED: 'The other party was handed on to somebody else.',
  FAILED: 'The call broke, or was never connected, for a technical reason.',
  UNKNOWN: 'It cannot be told from what was said.',
} as const;
export type Outcome = keyof typeof OUTCOME_MEANINGS;
export const OUTCOMES = wordsOf(OUTCOME_MEANINGS);

/** Who or what picked up an outbound call, with its meaning. A word is never reused for another meaning. */
export const ANSWERED_BY_MEANINGS = {
  person: 'A person.',
  machine: 'An answering machine, a mailbox, a fax, or an announcement of the network.',
  ivr: 'A menu or a queue ("press 1").',
  screening: 'An assistant that asks who is calling and why; no person came on behind it.',
  unknown: 'Nobody said a word, or it could not be told.',
} as const;
export type AnsweredBy = keyof typeof ANSWERED_BY_MEANINGS;
export const ANSWERED_BY = wordsOf(ANSWERED_BY_MEANINGS);

/** As zod's `enum` takes them. */
function wordsOf<W extends string>(meanings: Readonly<Record<W, string>>): readonly [W, ...W[]] {
  return Object.keys(meanings) as [W, ...W[]];
}

/** The other party of the call, as far as it is known. */
export const ContactField = z
  .object({
    id: z.string().nullable(),
    name: z.string().nullable(),
    phone: z.string().nullable(),
  })
  .describe('The other party: id and name in the CRM where known, and the phone number.');

export const ContextField = z
  .enum(['ready', 'pending', 'none'])
  .describe('What the agent knew of the caller: loaded, still being asked for, nothing.');

export const CostField = z
  .object({
    model: z.number(),
    transcription: z.number(),
    telephony: z.number(),
    recording: z.number(),
    total: z.number(),
  })
  .nullable()
  .describe('US dollars; `null` where it is not known.');

export const TranscriptField = z
  .string()
  .describe('A line for each utterance: `Agent: …` or `Caller: …`.');

/** What every event of a call carries beside its own fields. */
export const CommonData = z.object({
  call_id: z.string().describe('The call, `call_…`.'),
  direction: z.enum(['inbound', 'outbound']).describe('Who called: the other party, or we.'),
  from: z.string().nullable().describe('E.164; `null` for an anonymous caller.'),
  to: z.string().describe('E.164.'),
  agent_id: z.string().describe("The agent profile: its file's name."),
  provider: z
    .string()
    .describe('`callwire`, or the platform that ran the call (docs/ingest.md): `retell`, `vapi` …'),
  provider_call_id: z
    .string()
    .optional()
    .describe('What that platform calls the call; not there for our own.'),
  room: z.string().describe('The LiveKit room; empty for a call that another platform ran.'),
  contact_id: z.string().nullable().describe('The contact in the CRM, where known.'),
  metadata: z
    .record(z.string(), z.unknown())
    .describe('What the caller of the API or a start hook attached to the call.'),
});
