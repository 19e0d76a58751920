import { z } from 'zod';
import { LIST_PRICES, type PriceTable } from '../cost/price_table.ts';
import type { ComposedEvent, ComposeInput } from '../store/event_composer.ts';
import type { CallRecord, StoredEvent } from '../store/store.ts';
import type { CommonData } from './catalogue.ts';
import { EVENTS, type EventType, isEventType } from './catalogue.ts';
import { derivedData } from './derived_data.ts';
import { cutMiddle } from './transcript_text.ts';

/** Receivers often stop at 100 kB; this leaves room for what proxies and wrappers add. */
export const MAX_BODY_BYTES = 64 * 1024;

/**
 * Makes the bytes of an event: what is signed and sent, and what the API shows, for ever. Pure: the
 * same input, at the same prices, gives the same bytes, whoever writes the event.
 *
 * A body over 64 KB gets its transcript cut in the middle; one that has no transcript is refused
 * (`EVENT_TOO_LARGE`), as is data that the catalogue does not allow (`EVENT_INVALID`).
 */
export function composeEvent(input: ComposeInput, prices: PriceTable = LIST_PRICES): ComposedEvent {
  const { draft, call } = input;
  if (!isEventType(draft.type)) {
    return refused('EVENT_UNKNOWN_TYPE', `The catalogue has no ${draft.type}.`);
  }
  const given = DRAFT_SCHEMAS[draft.type].safeParse(draft.data);
  if (!given.success) {
    return refused('EVENT_INVALID', `${draft.type}: ${paths(given.error)}`);
  }
  if (!isTimestamp(draft.time)) {
    return refused('EVENT_INVALID', `${draft.type}: its time is no date.`);
  }

  const besides = { ...given.data, ...derivedData(draft.type, input, prices) };
  const data = {
    ...(call === null ? { call_id: null, provider: 'callwire' } : commonData(call)),
    ...besides,
    ...(input.late && { late: true }),
  };
  const body = {
    id: draft.id,
    event: draft.type,
    call_id: call?.id ?? null,
    sequence: input.sequence,
    timestamp: new Date(draft.time).toISOString(),
    ...(draft.type === 'intent.recorded' && { intent: given.data.intent }),
    data,
  };
  return fitted(body);
}

/** The envelope alone, as it stays in the record once a call's persons have been deleted. */
export function redactedBody(event: Omit<StoredEvent, 'position' | 'body'>): string {
  return JSON.stringify({
    id: event.id,
    event: event.type,
    call_id: event.callId,
    sequence: event.sequence,
    timestamp: new Date(event.time).toISOString(),
    data: { call_id: event.callId, redacted: true },
  });
}

/** What a writer may give: everything but the derived fields; unknown keys are dropped. */
const DRAFT_SCHEMAS = Object.fromEntries(
  Object.entries(EVENTS).map(([type, { data, derived }]) => {
    const isGiven = ([key]: [string, unknown]) => !derived.some((name) => name === key);
    return [type, z.object(Object.fromEntries(Object.entries(data.shape).filter(isGiven)))];
  }),
) as Record<EventType, z.ZodObject>;

interface Body {
  call_id: string | null;
  data: Record<string, unknown>;
  [field: string]: unknown;
}

function commonData(call: CallRecord): z.infer<typeof CommonData> {
  return {
    call_id: call.id,
    direction: call.direction,
    from: call.from,
    to: call.to,
    agent_id: call.agentId,
    provider: call.provider,
    ...(call.providerCallId !== null && { provider_call_id: call.providerCallId }),
    room: call.room,
    contact_id: call.contact.id,
    metadata: call.metadata,
  };
}

function fitted(body: Body): ComposedEvent {
  const whole = JSON.stringify(body);
  if (Buffer.byteLength(whole) <= MAX_BODY_BYTES) return { ok: true, body: whole, data: body.data };
  const { transcript } = body.data;
  if (typeof transcript === 'string') {
    const cut = (text: string) =>
      JSON.stringify({
        ...body,
        data: {
          ...body.data,
          transcript: text,
          transcript_truncated: true,
          transcript_url: `/v1/calls/${body.call_id}`,
        },
      });
    const room = MAX_BODY_BYTES - Buffer.byteLength(cut(''));
    if (room >= 0) {
      return { ok: true, body: cut(cutMiddle(transcript, room)), data: body.data };
    }
  }
  return refused('EVENT_TOO_LARGE', `${body.event} would be over ${MAX_BODY_BYTES} bytes.`);
}

/** Paths and codes only: messages of zod may quote values. */
function paths(error: z.ZodError): string {
  return error.issues.map(({ path, code }) => `${path.join('.') || 'data'} (${code})`).join(', ');
}

function isTimestamp(time: number): boolean {
  return !Number.isNaN(new Date(time).getTime());
}

function refused(code: string, message: string): ComposedEvent {
  return { ok: false, code, message };
}
