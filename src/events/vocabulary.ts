import { z } from 'zod';

/** Why a call ended. A word is never reused for another meaning, and never removed. */
export const END_REASONS = [
  'caller_hung_up',
  'agent_hung_up',
  'ended_by_api',
  'transferred',
  'transfer_unconfirmed',
  'forwarded',
  'max_duration',
  'silence',
  'rejected',
  'no_capacity',
  'no_answer',
  'busy',
  'invalid_number',
  'voicemail',
  'dial_failed',
  'blocked',
  'context_unavailable',
  'model_unavailable',
  'media_lost',
  'worker_lost',
  'shutdown',
  'error',
  'unknown',
] as const;
export type EndReason = (typeof END_REASONS)[number];

/** What came of a call, judged after it. A word is never reused for another meaning. */
export const OUTCOMES = [
  'INTERESTED',
  'NOT_INTERESTED',
  'CALLBACK',
  'APPOINTMENT',
  'RESOLVED',
  'VOICEMAIL',
  'NO_ANSWER',
  'BUSY',
  'DNC',
  'NOT_OWNER',
  'WRONG_NUMBER',
  'TRANSFERRED',
  'FAILED',
  'UNKNOWN',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

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
  provider: z.literal('callwire').describe('Always `callwire`.'),
  room: z.string().describe('The LiveKit room.'),
  contact_id: z.string().nullable().describe('The contact in the CRM, where known.'),
  metadata: z
    .record(z.string(), z.unknown())
    .describe('What the caller of the API or a start hook attached to the call.'),
});
