import type { ComposeInput } from '../store/event_composer.ts';
import type { CallRecord } from '../store/store.ts';
import type { EventData, EventType } from './catalogue.ts';
import { transcriptText } from './transcript_text.ts';

type Derivations = { [T in EventType]?: (input: ComposeInput) => Partial<EventData[T]> };

/** The fields that follow from the call's row and what is stored of it; see `EventDefinition`. */
export function derivedData(type: EventType, input: ComposeInput): Record<string, unknown> {
  return DERIVATIONS[type]?.(input) ?? {};
}

/** Whether the fields of a type follow from the call's stored events, not from its row alone. */
export function derivesFromHistory(type: EventType): boolean {
  return type === 'call.ended' || type === 'call.completed';
}

const DERIVATIONS: Derivations = {
  'call.answered': ({ call }) => contactOf(call),
  'transcript.final': ({ transcriptSequence }) =>
    transcriptSequence === null ? {} : { transcript_sequence: transcriptSequence },
  'call.ended': ({ call, history }) =>
    call === null
      ? {}
      : {
          duration_seconds: durationSeconds(call),
          context: call.context,
          context_ms: call.contextMs,
          ...contactOf(call),
          transcript: transcriptText(history.events),
          cost: null,
        },
  'call.completed': ({ call, history }) => ({
    transcript: transcriptText(history.events),
    ...contactOf(call),
  }),
};

/**
 * From the answer to the end in whole seconds; 0 for a call that was never answered. Both times
 * may come from different machines, so they may stand in the wrong order.
 */
export function durationSeconds({ answeredAt, endedAt }: CallRecord): number {
  if (answeredAt === null || endedAt === null) return 0;
  return Math.max(0, Math.round((endedAt - answeredAt) / 1000));
}

function contactOf(call: CallRecord | null): { contact?: CallRecord['contact'] } {
  return call === null ? {} : { contact: call.contact };
}
