import { z } from 'zod';
import type { CallOpening, CallRecord, EventDraft, FactDraft, OutboundDetails } from './store.ts';

/**
 * How a call's row follows from what was appended, in the append's transaction:
 *
 *     (open) ─▶ ringing ──call.answered──▶ active
 *                  └─────────call.ended──────┴──▶ ended
 *
 * An outbound call stands in `scheduled → queued` before that (`outbound_store.ts`), and in `dialing`
 * from `call.started` (the agent has joined) to `call.ringing` (the far phone rings).
 * `ended` is final: whatever is appended behind it (results of jobs, what a spool still held)
 * changes neither state nor times. A context that arrives late replaces an earlier one, and the
 * last totals of a session's usage count.
 */
export function deriveFromEvent(call: CallRecord, draft: EventDraft): CallRecord {
  if (draft.type === 'call.completed') return { ...call, outcome: String(draft.data.outcome) };
  if (call.state === 'ended') return call;
  switch (draft.type) {
    case 'call.started':
    case 'call.ringing':
      if (call.state === 'active') return call;
      if (draft.type === 'call.started' && call.direction === 'outbound') {
        return call.state === 'ringing' ? call : { ...call, state: 'dialing' };
      }
      return { ...call, state: 'ringing' };
    case 'call.answered':
      return { ...call, state: 'active', answeredAt: call.answeredAt ?? Math.round(draft.time) };
    case 'call.ended':
      return {
        ...call,
        state: 'ended',
        endedAt: Math.round(draft.time),
        endReason: String(draft.data.end_reason),
      };
    default:
      return call;
  }
}

/** What only the composed event knows: the cost, which follows from usage, duration and prices. */
export function deriveFromComposed(
  call: CallRecord,
  type: string,
  data: Record<string, unknown>,
): CallRecord {
  if (type !== 'call.ended') return call;
  const total = Cost.safeParse(data.cost).data?.total;
  return total === undefined ? call : { ...call, costMicrousd: Math.round(total * 1_000_000) };
}

const Cost = z.object({ total: z.number().nonnegative() });

/** @throws ZodError when a fact is not of the shape that `FactDraft` documents. */
export function deriveFromFact(call: CallRecord, fact: FactDraft): CallRecord {
  switch (fact.kind) {
    case 'context': {
      const { state, ms, contact } = ContextFact.parse(fact.data);
      return {
        ...call,
        context: state,
        contextMs: ms === null ? null : Math.round(ms),
        contact: contact === null ? call.contact : { ...call.contact, ...contact },
      };
    }
    case 'usage':
      return { ...call, usage: fact.data };
    case 'hook': {
      const { metadata } = HookFact.parse(fact.data);
      return metadata ? { ...call, metadata: { ...call.metadata, ...metadata } } : call;
    }
    case 'answered_by':
      return { ...call, answeredBy: AnsweredByFact.parse(fact.data).answeredBy };
    default:
      return call;
  }
}

/**
 * The row a call begins with, under lease number 1.
 *
 * @throws ZodError when a field is longer than an event can carry many times over: `call.ended`
 * repeats all of them and must always fit its 64 KB.
 */
export function openedCall(
  opening: CallOpening,
  { leaseUntil, apiKeyId = null }: { leaseUntil: number; apiKeyId?: string | null },
): CallRecord {
  const { id, direction, from, to, agentId, room, metadata, time, reportedBy } =
    checkedOpening(opening);
  const outbound = direction === 'outbound' ? (opening.outbound ?? NOTHING_SAID) : null;
  return {
    id,
    direction,
    state: outbound === null ? 'ringing' : outbound.scheduledFor === null ? 'queued' : 'scheduled',
    from,
    to,
    agentId,
    room,
    metadata,
    contact: { id: null, name: null, phone: direction === 'inbound' ? from : to },
    context: 'none',
    contextMs: null,
    sequence: 0,
    transcriptSequence: 0,
    lease: 1,
    leaseUntil,
    createdAt: Math.round(time),
    answeredAt: null,
    endedAt: null,
    endReason: null,
    usage: null,
    apiKeyId,
    outbound,
    outcome: null,
    costMicrousd: null,
    answeredBy: null,
    provider: reportedBy?.provider ?? OWN_PROVIDER,
    providerCallId: reportedBy?.callId ?? null,
  };
}

/** @throws ZodError as `openedCall` does. */
export function checkedOpening(opening: CallOpening): z.infer<typeof Opening> {
  return Opening.parse(opening);
}

/** Of calls that this installation ran itself. */
export const OWN_PROVIDER = 'callwire';

/** Of an outbound call that nobody asked for by the API. */
export const NOTHING_SAID: OutboundDetails = {
  variables: {},
  scheduledFor: null,
  gate: {},
  consentRecordId: null,
  followsCallId: null,
};

const MAX_METADATA_BYTES = 16 * 1024;
const Short = z.string().max(256);

const Opening = z.object({
  id: Short,
  direction: z.enum(['inbound', 'outbound']),
  from: Short.nullable(),
  to: Short,
  agentId: Short,
  room: Short,
  metadata: z
    .record(z.string(), z.unknown())
    .refine((value) => Buffer.byteLength(JSON.stringify(value)) <= MAX_METADATA_BYTES, {
      message: `metadata is larger than ${MAX_METADATA_BYTES} bytes`,
    }),
  time: z.number(),
  reportedBy: z.object({ provider: Short, callId: Short }).optional(),
});

/** As large as what the API may attach, beside that. */
const HookFact = z.object({ metadata: Opening.shape.metadata.optional() });
const AnsweredByFact = z.object({ answeredBy: Short });

/** A name is shortened, since it is only spoken and shown; an id that long would name nobody. */
const ContextFact = z.object({
  state: z.enum(['ready', 'pending', 'none']),
  ms: z.number().nullable(),
  contact: z
    .object({
      id: Short.nullish().transform((id) => id ?? null),
      name: z
        .string()
        .nullish()
        .transform((name) => name?.slice(0, 256) ?? null),
    })
    .nullable(),
});
