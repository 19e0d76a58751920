import type { EventType } from '../src/events/catalogue.ts';
import { composeEvent } from '../src/events/envelope.ts';
import { EXAMPLE_CALL } from '../src/events/example_call.ts';
import {
  type SignatureFamily,
  type SigningSecrets,
  signRequest,
} from '../src/events/signatures.ts';
import { newId } from '../src/ids.ts';
import type { CallRecord, EventDraft, StoredEvent } from '../src/store/store.ts';

/** Of every made-up event: what a receiver can tell them by that shall not act on them. */
export const CHECK_METADATA = { webhooks_check: true };

export interface MadeUpEvent {
  id: string;
  body: string;
}

/** A made-up call: composed by what composes the real ones, each event with the next sequence. */
export class MadeUpCall {
  readonly #call: CallRecord;
  #sequence = 0;

  constructor(now = Date.now()) {
    this.#call = {
      ...EXAMPLE_CALL,
      id: newId('call', now),
      metadata: CHECK_METADATA,
      createdAt: now - 130_000,
      answeredAt: now - 128_000,
      endedAt: now,
    };
  }

  event(
    type: EventType,
    data: Record<string, unknown> = {},
    history: readonly StoredEvent[] = [],
  ): MadeUpEvent {
    const draft: EventDraft = { id: newId('evt'), type, time: Date.now(), data };
    const composed = composeEvent({
      draft,
      call: this.#call,
      sequence: ++this.#sequence,
      transcriptSequence: null,
      late: false,
      history: { events: history, facts: [] },
    });
    if (!composed.ok) throw new Error(`${type} cannot be made up: ${composed.message}`);
    return { id: draft.id, body: composed.body };
  }

  /** `call.ended` with so long a transcript that its middle is cut: 64 KB, many of them not ASCII. */
  longEnd(): MadeUpEvent {
    const text = 'Größer als erwartet – 通話の記録 – 📞 … '.repeat(2_000);
    const body = JSON.stringify({ data: { role: 'caller', text } });
    const { id: callId } = this.#call;
    const row = { position: 1, id: newId('evt'), callId, sequence: null, time: 0 };
    const end_reason = 'caller_hung_up';
    return this.event('call.ended', { end_reason }, [{ ...row, type: 'transcript.final', body }]);
  }
}

/** A request as it goes out: what was signed, and perhaps changed behind the signing. */
export interface CheckRequest {
  headers: Record<string, string>;
  body: string;
}

/** Signs for one receiver, as deliveries to it are signed. */
export interface CheckSigner {
  /** A delivery of an event; each call is another attempt, made now or `ageInSeconds` ago. */
  sign(
    event: MadeUpEvent,
    options?: {
      secrets?: SigningSecrets;
      families?: readonly SignatureFamily[];
      refusals?: number;
      deliveryId?: string;
      ageInSeconds?: number;
    },
  ): CheckRequest;
}

export function checkSigner(secret: string, families: readonly SignatureFamily[]): CheckSigner {
  return {
    sign: (event, { ageInSeconds = 0, ...options } = {}) => ({
      body: event.body,
      headers: signRequest({
        families,
        secrets: { current: secret },
        deliveryId: newId('dlv'),
        ...options,
        eventId: event.id,
        timestampInSeconds: Math.floor(Date.now() / 1_000) - ageInSeconds,
        body: event.body,
      }),
    }),
  };
}
