import { z } from 'zod';
import { type EventId, newId } from '../ids.ts';
import type { EventDraft } from '../store/store.ts';
import { defineEvent } from './event_definition.ts';
import {
  ANSWERED_BY,
  ContactField,
  ContextField,
  CostField,
  END_REASONS,
  OUTCOMES,
  TranscriptField,
} from './vocabulary.ts';

export { CommonData, END_REASONS, type EndReason, OUTCOMES, type Outcome } from './vocabulary.ts';

const sipStatus = z
  .number()
  .int()
  .nullable()
  .describe('The SIP status that ended the attempt; `null` where none came.');
const utterance = {
  role: z.enum(['agent', 'caller']).describe('Who spoke.'),
  text: z.string().describe('The words.'),
  item_id: z.string().describe('The same for all events of one utterance.'),
};
const toolCallId = z.string().optional().describe('The tool call it came from.');
const operation = z
  .string()
  .nullable()
  .describe('`note` or `activity`; `null` for a write that could not be read.');
const note = z.string().optional();
const madeContactId = z
  .string()
  .optional()
  .describe('In place of the common field where the write made the contact.');
const endpointId = z
  .string()
  .describe(
    'The endpoint, `whe_…`; `whe_default:…` names one path, `hook:…` the end hook of an agent.',
  );
const recording = {
  recording_url: z
    .string()
    .nullable()
    .describe('Where the recording is; `null` where there is none by now.'),
  recording_expires_at: z
    .string()
    .nullable()
    .describe('Until when the URL works, ISO 8601; `null` where that is not known.'),
};

/** Every type of event there is. A type is never reused for another meaning. */
export const EVENTS = {
  'call.initiated': defineEvent({
    meaning: 'An outbound call has been accepted.',
    when: 'The API has answered 202, or a call is to be followed up; before anything is dialled.',
    counter: 'call',
    status: 'emitted',
    data: z.object({
      scheduled_for: z.string().optional().describe('When it will be dialled, ISO 8601.'),
      follows_call_id: z.string().optional().describe('The call that it follows up.'),
    }),
    derived: [],
    example: { scheduled_for: '2026-03-02T15:00:00.000Z' },
  }),
  'call.ringing': defineEvent({
    meaning: 'The far phone rings; outbound calls only.',
    when: 'The far side has answered 180 or 183.',
    counter: 'call',
    status: 'emitted',
    data: z.object({}),
    derived: [],
    example: {},
  }),
  'call.started': defineEvent({
    meaning: 'The agent has joined the room; an inbound call is still ringing.',
    when: 'The call process knows who is calling, before the CRM is asked.',
    counter: 'call',
    status: 'emitted',
    data: z.object({}),
    derived: [],
    example: {},
  }),
  'call.answered': defineEvent({
    meaning: 'The two sides are connected.',
    when: '200 OK has been sent or received.',
    counter: 'call',
    status: 'emitted',
    data: z.object({
      ring_ms: z.number().int().nonnegative().describe('How long it rang, milliseconds.'),
      context: ContextField,
      contact: ContactField,
    }),
    derived: ['contact'],
    example: { ring_ms: 1840, context: 'ready' },
  }),
  'transcript.partial': defineEvent({
    meaning: 'Words so far of an utterance that goes on.',
    when: 'While somebody speaks. Not stored and not retried, so it may be missing.',
    counter: 'unstored',
    status: 'reserved',
    data: z.object(utterance),
    derived: [],
    example: { role: 'caller', text: 'I would like', item_id: 'item_7' },
  }),
  'transcript.final': defineEvent({
    meaning: 'A finished utterance.',
    when: 'Its last word has been recognised or spoken; what a barge-in cut off is not in it.',
    counter: 'transcript',
    status: 'emitted',
    data: z.object({
      ...utterance,
      transcript_sequence: z
        .number()
        .int()
        .positive()
        .describe('Numbers the utterances of the call 1, 2, 3 …; they take no `sequence`.'),
    }),
    derived: ['transcript_sequence'],
    example: { role: 'caller', text: 'I would like to see the flat.', item_id: 'item_7' },
  }),
  'intent.recorded': defineEvent({
    meaning: 'The agent has understood what the caller wants. `intent` is at the top level too.',
    when: 'The agent has called `record_intent`.',
    counter: 'call',
    status: 'emitted',
    data: z.object({
      intent: z.string().describe('In the words of the agent.'),
      note: note.describe('What else the agent wrote down with it.'),
      tool_call_id: z.string().describe('The tool call it came from.'),
    }),
    derived: [],
    example: { intent: 'book_viewing', note: 'Prefers mornings.', tool_call_id: 'fc_1' },
  }),
  'crm.updated': defineEvent({
    meaning: 'The CRM has taken a write.',
    when: 'It has acknowledged a note or the activity of the call; may come after `call.ended`.',
    counter: 'call',
    status: 'emitted',
    data: z.object({
      operation,
      note: note.describe('The text of a note.'),
      tool_call_id: toolCallId,
      contact_id: madeContactId,
    }),
    derived: [],
    example: { operation: 'note', note: 'Wants a second viewing.', tool_call_id: 'fc_2' },
  }),
  'crm.update_failed': defineEvent({
    meaning: 'The CRM has finally refused a write; it can be replayed.',
    when: 'The CRM has said no, or the last retry has failed.',
    counter: 'call',
    status: 'emitted',
    data: z.object({
      operation,
      note: note.describe('The text of a note.'),
      tool_call_id: toolCallId,
      contact_id: madeContactId,
      error: z
        .string()
        .describe('A stable code: `timeout`, `connection_refused`, `status`, `no_contact` …'),
      status: z.number().int().optional().describe("The CRM's HTTP status, where one came."),
    }),
    derived: [],
    example: { operation: 'note', note: 'Wants a second viewing.', error: 'status', status: 422 },
  }),
  'call.transferred': defineEvent({
    meaning: 'The other party has been handed on.',
    when: 'The REFER has ended well, or the call ended before its end was told (`unconfirmed`).',
    counter: 'call',
    status: 'emitted',
    data: z.object({
      destination: z.string().describe('The name of the destination in the profile.'),
      outcome: z.enum(['confirmed', 'unconfirmed']).describe('Whether the far side said so.'),
    }),
    derived: [],
    example: { destination: 'sales', outcome: 'confirmed' },
  }),
  'call.transfer_failed': defineEvent({
    meaning: 'The other party could not be handed on and is still with the agent.',
    when: 'The REFER has been refused, by the carrier or by the destination.',
    counter: 'call',
    status: 'emitted',
    data: z.object({
      destination: z.string().describe('The name of the destination in the profile.'),
      sip_status: sipStatus,
      reason: z.string().describe('A stable code or the words of the far side.'),
    }),
    derived: [],
    example: { destination: 'sales', sip_status: 486, reason: 'Busy Here' },
  }),
  'call.error': defineEvent({
    meaning: 'Something broke that the other party could notice.',
    when: 'At once; the call may go on.',
    counter: 'call',
    status: 'emitted',
    data: z.object({
      code: z.string().describe('A stable code.'),
      message: z.string().describe('For people.'),
    }),
    derived: [],
    example: {
      code: 'MODEL_RECONNECTED',
      message: 'The connection to the model was lost for 2 s.',
    },
  }),
  'call.failed': defineEvent({
    meaning: 'The call was never answered, in either direction.',
    when: 'Right before `call.ended`; 487 and `caller_hung_up` when the caller gave up.',
    counter: 'call',
    status: 'emitted',
    data: z.object({ sip_status: sipStatus, reason: z.string().describe('As in `end_reason`.') }),
    derived: [],
    example: { sip_status: 487, reason: 'caller_hung_up' },
  }),
  'call.ended': defineEvent({
    meaning: 'The call is over. Exactly once for every call, always.',
    when: 'The phone leg is gone; for a call whose process died, when that has been made sure of.',
    counter: 'call',
    status: 'emitted',
    data: z.object({
      duration_seconds: z
        .number()
        .int()
        .nonnegative()
        .describe('From the answer to the end, 0 without an answer.'),
      end_reason: z.enum(END_REASONS).describe('Why; see the list below.'),
      context: ContextField,
      context_ms: z
        .number()
        .nullable()
        .describe('How long the CRM took, milliseconds; `null` where it was not asked.'),
      contact: ContactField,
      transcript: TranscriptField,
      cost: CostField,
    }),
    derived: ['duration_seconds', 'context', 'context_ms', 'contact', 'transcript', 'cost'],
    example: { end_reason: 'caller_hung_up' },
  }),
  'call.completed': defineEvent({
    meaning: 'Everything that is known of the call after it. Exactly once after `call.ended`.',
    when: 'At most 15 min after `call.ended`; at once where the call was not answered or the other party said nothing.',
    counter: 'call',
    status: 'emitted',
    data: z.object({
      outcome: z.enum(OUTCOMES).describe('What came of it; see the list below.'),
      extraction: z
        .record(z.string(), z.unknown())
        .nullable()
        .describe(
          'What was read from the transcript: the default fields and the profile’s; `null` where nothing could be.',
        ),
      transcript: TranscriptField,
      ...recording,
      contact: ContactField,
      consent_record_id: z.string().nullable().describe('The consent an outbound call relied on.'),
      answered_by: z
        .enum(ANSWERED_BY)
        .nullable()
        .describe('Who picked up, see the list below; `null` for inbound and unanswered calls.'),
    }),
    derived: ['transcript', 'contact', 'consent_record_id', 'answered_by'],
    example: {
      outcome: 'APPOINTMENT',
      extraction: {
        summary: 'Ada wants to see the flat and comes on Monday at ten.',
        interested: true,
        appointmentDateTimeISO: '2026-03-02T10:00:00+01:00',
        appointmentDurationMinutes: 30,
        contactEmail: null,
      },
      recording_url: null,
      recording_expires_at: null,
    },
  }),
  'call.recording_ready': defineEvent({
    meaning: 'The recording can be fetched.',
    when: 'It has been stored completely, after `call.ended`.',
    counter: 'call',
    status: 'emitted',
    data: z.object({
      recording_url: z.string().describe('Where the recording is; the API has a fresh URL.'),
      recording_expires_at: z
        .string()
        .nullable()
        .describe('Until when this URL works, ISO 8601; `null` where another platform keeps it.'),
      duration_seconds: z.number().nonnegative().describe('Length of the recording.'),
    }),
    derived: [],
    example: {
      recording_url: 'https://recordings.example/call.wav',
      recording_expires_at: '2026-03-01T10:17:10.000Z',
      duration_seconds: 128,
    },
  }),
  'endpoint.disabled': defineEvent({
    meaning: 'An endpoint gets no more events until somebody enables it again.',
    when: 'It has only failed for `ENDPOINT_DISABLE_AFTER`, or has answered 410.',
    counter: 'none',
    status: 'emitted',
    data: z.object({
      endpoint_id: endpointId,
      reason: z.string().optional().describe('`failing` or `gone` (410).'),
      failing_since: z.string().optional().describe('Its first failure without a success since.'),
    }),
    derived: [],
    example: {
      endpoint_id: 'whe_0000000000example0000000000',
      reason: 'failing',
      failing_since: '2026-02-24T10:00:00.000Z',
    },
  }),
  'webhook.test': defineEvent({
    meaning:
      'Somebody tries out an endpoint. Only that endpoint gets it, whatever its triggers say.',
    when: 'The API was asked to (`POST /v1/webhooks/:id/test`), or `npm run doctor` tries out the endpoint of `WEBHOOK_URL`: that one is in no ledger and comes once.',
    counter: 'none',
    status: 'emitted',
    data: z.object({ endpoint_id: endpointId }),
    derived: [],
    example: { endpoint_id: 'whe_0000000000example0000000000' },
  }),
  'delivery.exhausted': defineEvent({
    meaning: 'A delivery was given up after its last retry; it can be replayed.',
    when: 'The last attempt has failed. Never sent to the endpoint it speaks of.',
    counter: 'none',
    status: 'emitted',
    data: z.object({
      endpoint_id: endpointId,
      delivery_id: z.string().describe('The delivery, `dlv_…`.'),
      event_id: z.string().describe('The event that was not delivered.'),
      event_type: z.string().describe('Its type.'),
      attempts: z.number().int().describe('How often it was tried.'),
      last_status: z.number().int().nullable().describe('The last HTTP status, where one came.'),
      last_error: z.string().nullable().describe('A stable code for the last failure.'),
    }),
    derived: [],
    example: {
      endpoint_id: 'whe_0000000000example0000000000',
      delivery_id: 'dlv_0000000000example0000000000',
      event_id: 'evt_0000000000example0000000000',
      event_type: 'call.ended',
      attempts: 12,
      last_status: 503,
      last_error: 'status',
    },
  }),
};

export type EventType = keyof typeof EVENTS;

/** "data besides" the common fields, by type: `EventData['call.ended']`. */
export type EventData = { [T in EventType]: z.infer<(typeof EVENTS)[T]['data']> };

/** What the writer of an event gives; the store derives the rest. */
export type EventDraftData = {
  [T in EventType]: Omit<EventData[T], (typeof EVENTS)[T]['derived'][number]>;
};

export function isEventType(type: string): type is EventType {
  return Object.hasOwn(EVENTS, type);
}

/** An event for `Append.events`, checked by the compiler against the catalogue. */
export function draftEvent<T extends EventType>(
  type: T,
  data: EventDraftData[T],
  { id = newId('evt'), time = Date.now() }: { id?: EventId; time?: number } = {},
): EventDraft {
  return { id, type, time, data };
}
