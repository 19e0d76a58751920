import { z } from 'zod';
import { callCost } from '../cost/call_cost.ts';
import type { PriceTable } from '../cost/price_table.ts';
import type { CallHistory, ComposeInput } from '../store/event_composer.ts';
import type { CallRecord } from '../store/store.ts';
import { saysAnswerUnknown } from './answer_unknown.ts';
import type { EventData, EventType } from './catalogue.ts';
import { type ReportedCall, reportedCall } from './reported_call.ts';
import { transcriptText } from './transcript_text.ts';
import { ANSWERED_BY, type AnsweredBy } from './vocabulary.ts';

type Derivations = {
  [T in EventType]?: (input: ComposeInput, prices: PriceTable) => Partial<EventData[T]>;
};

/** The fields that follow from the call's row and what is stored of it; see `EventDefinition`. */
export function derivedData(
  type: EventType,
  input: ComposeInput,
  prices: PriceTable,
): Record<string, unknown> {
  return DERIVATIONS[type]?.(input, prices) ?? {};
}

/** Whether the fields of a type follow from the call's stored events, not from its row alone. */
export function derivesFromHistory(type: EventType): boolean {
  return type === 'call.ended' || type === 'call.completed';
}

const DERIVATIONS: Derivations = {
  'call.answered': ({ call }) => contactOf(call),
  'transcript.final': ({ transcriptSequence }) =>
    transcriptSequence === null ? {} : { transcript_sequence: transcriptSequence },
  'call.ended': ({ call, history }, prices) => {
    if (call === null) return {};
    const told = reportedCall(history.facts);
    return {
      duration_seconds: durationSeconds(call),
      context: call.context,
      context_ms: call.contextMs,
      ...contactOf(call),
      transcript: spokenIn(history.events, told),
      cost: told?.cost ?? costOf(call, history.events, prices),
    };
  },
  'call.completed': ({ call, history }) => ({
    transcript: spokenIn(history.events, reportedCall(history.facts)),
    ...contactOf(call),
    consent_record_id: call?.outbound?.consentRecordId ?? null,
    answered_by: answeredBy(call),
  }),
};

/** Who picked up an outbound call; `null` for any other, and while nobody knows. */
export function answeredBy(call: CallRecord | null): AnsweredBy | null {
  return AnsweredByField.safeParse(call?.answeredBy).data ?? null;
}

const AnsweredByField = z.enum(ANSWERED_BY);

/**
 * From the answer to the end in whole seconds; 0 for a call that was never answered. Both times
 * may come from different machines, so they may stand in the wrong order.
 */
export function durationSeconds(call: CallRecord): number {
  return Math.round(talkedSeconds(call));
}

function talkedSeconds({ answeredAt, endedAt }: CallRecord): number {
  if (answeredAt === null || endedAt === null) return 0;
  return Math.max(0, (endedAt - answeredAt) / 1000);
}

function costOf(
  call: CallRecord,
  events: CallHistory['events'],
  prices: PriceTable,
): EventData['call.ended']['cost'] {
  // What another platform's call costs, it alone knows.
  if (call.providerCallId !== null) return null;
  const { direction, usage } = call;
  const durationInSeconds = talkedSeconds(call);
  const answered = wasAnswered(call, events);
  return callCost({ direction, answered, durationInSeconds, usage }, prices);
}

/** `null` where nobody saw what became of the phone that we called. */
function wasAnswered({ answeredAt }: CallRecord, events: CallHistory['events']): boolean | null {
  if (answeredAt !== null) return true;
  return events.some(saysAnswerUnknown) ? null : false;
}

/** What was said in a call: our own, or one that another platform has told of. */
export function spokenIn(
  events: CallHistory['events'],
  told: Pick<ReportedCall, 'transcript'> | null,
): string {
  return told?.transcript ?? transcriptText(events);
}

function contactOf(call: CallRecord | null): { contact?: CallRecord['contact'] } {
  return call === null ? {} : { contact: call.contact };
}
