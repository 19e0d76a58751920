import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import {
  type SignatureVerdict,
  verifyPlain,
  verifyStandard,
  verifyTimestamped,
} from '../../src/events/signatures.ts';
import type { Answer } from './behaviour.ts';

export interface ReceivedEvent {
  /** Of the request: `/webhooks/call`. */
  path: string;
  event: string;
  id: string;
  /** `X-Webhook-Delivery-Id` */
  deliveryId: string | null;
  sequence: number | null;
  /** `true` where the family was there and right. */
  verified: { standard: boolean; timestamped: boolean; plain: boolean };
  headers: IncomingHttpHeaders;
  body: Record<string, unknown> & { data: Record<string, unknown> };
  /** The exact bytes, as text. */
  raw: string;
  /** Milliseconds since the epoch. */
  at: number;
}

const envelope = z.looseObject({
  id: z.string(),
  event: z.string(),
  call_id: z.string().nullable(),
  sequence: z.number().nullish(),
  timestamp: z.iso.datetime(),
  data: z.record(z.string(), z.unknown()),
});

/**
 * Receives events as a careful backend does: every signature family that is there must be right,
 * and with a secret configured one of them must be there.
 */
export class WebhookInbox {
  /** Accepted, in the order of arrival; a repeated delivery stands here twice. */
  readonly received: ReceivedEvent[] = [];
  /** Answered 401 for their signatures. */
  readonly refused: ReceivedEvent[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #clock: () => number;

  /** @param clock Signatures older than 300 s by it are refused; milliseconds. */
  constructor(clock: () => number = Date.now) {
    this.#clock = clock;
  }

  receive(
    request: { path: string; headers: IncomingHttpHeaders; body: Buffer },
    secrets: readonly string[],
  ): Answer {
    const json = parseJson(request.body);
    const parsed = envelope.safeParse(json);
    if (!parsed.success) return { status: 400, body: { error: 'not an event' } };
    const nowInSeconds = Math.floor(this.#clock() / 1_000);
    const signed = { headers: request.headers, body: request.body, secrets, nowInSeconds };
    const verdicts = {
      standard: verifyStandard(signed),
      timestamped: verifyTimestamped(signed),
      plain: verifyPlain(signed),
    };
    const deliveryId = request.headers['x-webhook-delivery-id'];
    const event: ReceivedEvent = {
      path: request.path,
      event: parsed.data.event,
      id: parsed.data.id,
      deliveryId: typeof deliveryId === 'string' ? deliveryId : null,
      sequence: parsed.data.sequence ?? null,
      verified: {
        standard: verdicts.standard === 'valid',
        timestamped: verdicts.timestamped === 'valid',
        plain: verdicts.plain === 'valid',
      },
      headers: request.headers,
      body: parsed.data,
      raw: request.body.toString('utf8'),
      at: Date.now(),
    };
    const accepted = secrets.length === 0 || isTrusted(Object.values(verdicts));
    (accepted ? this.received : this.refused).push(event);
    if (accepted) for (const look of [...this.#waiting]) look();
    return accepted
      ? { status: 200, body: { ok: true } }
      : { status: 401, body: { error: 'invalid signature' } };
  }

  /** The first accepted event, already here or still to come, for which `predicate` holds. */
  waitForEvent(
    predicate: (event: ReceivedEvent) => boolean,
    signal: AbortSignal,
  ): Promise<ReceivedEvent> {
    return new Promise((resolve, reject) => {
      const done = () => {
        this.#waiting.delete(look);
        signal.removeEventListener('abort', abort);
      };
      const look = () => {
        const found = this.received.find(predicate);
        if (!found) return;
        done();
        resolve(found);
      };
      const abort = () => {
        done();
        const seen = this.received.map(({ event }) => event).join(', ') || 'nothing';
        reject(new Error(`The event did not come; received: ${seen}`, { cause: signal.reason }));
      };
      this.#waiting.add(look);
      signal.addEventListener('abort', abort);
      if (signal.aborted) abort();
      else look();
    });
  }
}

function isTrusted(verdicts: readonly SignatureVerdict[]): boolean {
  return verdicts.includes('valid') && !verdicts.includes('invalid');
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
