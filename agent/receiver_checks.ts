import { newSigningSecret } from '../src/api/signing_secret.ts';
import type { SignatureFamily } from '../src/events/signatures.ts';
import { newId } from '../src/ids.ts';
import {
  type CheckRequest,
  type CheckSigner,
  checkSigner,
  MadeUpCall,
  type MadeUpEvent,
} from './receiver_requests.ts';

/** One thing a receiver has to get right. */
export interface ReceiverCheck {
  name: string;
  /** What is sent. */
  sent: string;
  /**
   * `accepted`: each request with 2xx. `refused`: with 4xx. `accepted_in_time`: 2xx at the latest on
   * the attempt behind a refusal, as while two secrets overlap.
   */
  expected: 'accepted' | 'refused' | 'accepted_in_time';
  /** Sent one after the other, each made when it is sent. */
  requests: readonly (() => CheckRequest)[];
  /** What to look at where the receiver does otherwise. */
  hint: string;
}

const MINUTE_IN_SECONDS = 60;

/**
 * Everything that is sent, in this order. What is to be accepted makes up two whole calls, so that
 * a receiver can be seen to work on them once and in order; what is to be refused belongs to calls
 * of its own, so that whoever falls for it does not spoil those.
 */
export function receiverChecks(
  secret: string,
  families: readonly SignatureFamily[],
): ReceiverCheck[] {
  const signer = checkSigner(secret, families);
  const call = new MadeUpCall();
  const first = call.event('call.started');
  return [
    {
      name: 'good',
      sent: 'a genuine event',
      expected: 'accepted',
      requests: [() => signer.sign(first)],
      hint:
        'The receiver must have the secret that was given here and verify the raw bytes; a Standard ' +
        'Webhooks library needs {format: "raw"} for a secret without whsec_.',
    },
    ...forgeries(signer, families),
    ...oldRequests(signer, first),
    ...repetitions(signer, call.event('call.answered', { ring_ms: 1_840, context: 'ready' })),
    outOfOrder(signer),
    rotation(signer, secret, call.event('crm.updated', { operation: 'note', note: 'Made up.' })),
    ...strangers(signer, call),
  ];
}

/** What only somebody without the secret would send. */
function forgeries(signer: CheckSigner, families: readonly SignatureFamily[]): ReceiverCheck[] {
  const event = new MadeUpCall().event('call.started');
  const unsigned = 'Anybody can send this: answer 401 wherever the signature does not match.';
  const checks: ReceiverCheck[] = [
    {
      name: 'tampered_body',
      sent: 'its body changed behind the signing',
      expected: 'refused',
      requests: [
        () => {
          const { headers, body } = signer.sign(event);
          return { headers, body: body.replace('+15550100001', '+15550100002') };
        },
      ],
      hint: unsigned,
    },
    {
      name: 'tampered_timestamp',
      sent: 'its timestamp changed behind the signing',
      expected: 'refused',
      requests: [
        () => {
          const { headers, body } = signer.sign(event, { ageInSeconds: 20 });
          const now = String(Math.floor(Date.now() / 1_000));
          const changed = Object.keys(headers).filter((name) => /-timestamp$/i.test(name));
          return {
            body,
            headers: { ...headers, ...Object.fromEntries(changed.map((n) => [n, now])) },
          };
        },
      ],
      hint: 'The timestamp has to be part of what is verified, else an old request is made young.',
    },
    {
      name: 'wrong_secret',
      sent: 'signed with another secret',
      expected: 'refused',
      requests: [() => signer.sign(event, { secrets: { current: newSigningSecret() } })],
      hint: unsigned,
    },
    {
      name: 'no_signature',
      sent: 'without any signature',
      expected: 'refused',
      requests: [() => signer.sign(event, { families: [] })],
      hint: unsigned,
    },
  ];
  if (!families.includes('plain')) return checks;
  return [
    ...checks,
    {
      name: 'no_timestamp',
      sent: 'with X-Signature alone, which is right',
      expected: 'refused',
      requests: [() => signer.sign(event, { families: ['plain'] })],
      hint:
        'X-Signature has no timestamp, so whoever sees one request can send it for ever: verify ' +
        'webhook-signature or X-Webhook-Signature instead.',
    },
  ];
}

/** Genuine, but not from now: somebody has kept them, or a clock is wrong. */
function oldRequests(signer: CheckSigner, seen: MadeUpEvent): ReceiverCheck[] {
  const event = new MadeUpCall().event('call.started');
  const hint =
    'Refuse a timestamp more than 300 s away from your clock, before the event’s id is looked up: ' +
    'retries and replays of Callwire are signed anew each time.';
  return [
    {
      name: 'replayed',
      sent: 'the genuine one as it was an hour ago',
      expected: 'refused',
      requests: [() => signer.sign(seen, { ageInSeconds: 60 * MINUTE_IN_SECONDS })],
      hint,
    },
    {
      name: 'late',
      sent: 'a new event, signed 6 minutes ago',
      expected: 'refused',
      requests: [() => signer.sign(event, { ageInSeconds: 6 * MINUTE_IN_SECONDS })],
      hint,
    },
    {
      name: 'early',
      sent: 'a new event, signed 6 minutes from now',
      expected: 'refused',
      requests: [() => signer.sign(event, { ageInSeconds: -6 * MINUTE_IN_SECONDS })],
      hint,
    },
  ];
}

/** A retry whose first attempt had arrived, then a replay: the same event, each signed anew. */
function repetitions(signer: CheckSigner, event: MadeUpEvent): ReceiverCheck[] {
  const deliveryId = newId('dlv');
  return [
    {
      name: 'duplicate',
      sent: 'one event twice, and once more as a replay',
      expected: 'accepted',
      requests: [
        () => signer.sign(event, { deliveryId }),
        () => signer.sign(event, { deliveryId }),
        () => signer.sign(event),
      ],
      hint: 'Answer 2xx to what you have already, and do not work on it again: anything else is retried.',
    },
  ];
}

function outOfOrder(signer: CheckSigner): ReceiverCheck {
  const call = new MadeUpCall();
  const events = [
    call.event('call.started'),
    call.event('call.answered', { ring_ms: 900, context: 'ready' }),
    call.event('call.ended', { end_reason: 'caller_hung_up' }),
  ] as const;
  return {
    name: 'out_of_order',
    sent: 'sequence 3, then 1, then 2 of a call',
    expected: 'accepted',
    requests: [events[2], events[0], events[1]].map((event) => () => signer.sign(event)),
    hint: 'Accept them as they come and put them in order by sequence afterwards.',
  };
}

/** The receiver still has the secret before the last one. */
function rotation(signer: CheckSigner, secret: string, event: MadeUpEvent): ReceiverCheck {
  const secrets = { current: newSigningSecret(), previous: secret };
  const deliveryId = newId('dlv');
  return {
    name: 'rotation',
    sent: 'signed with a newer secret and with this one',
    expected: 'accepted_in_time',
    requests: [0, 1].map((refusals) => () => signer.sign(event, { secrets, refusals, deliveryId })),
    hint:
      'webhook-signature holds a signature of each secret with a space between them: one that ' +
      'matches is enough. The other headers use them in turn, so answer 401 to the one you do not know.',
  };
}

/** Genuine, and not quite what the receiver has seen before. */
function strangers(signer: CheckSigner, call: MadeUpCall): ReceiverCheck[] {
  const respelled = spelledOtherwise(
    call.event('intent.recorded', { intent: 'größer', tool_call_id: 'fc_1' }),
  );
  const unknown = ofTheFuture(call.event('crm.updated', { operation: 'note' }));
  const big = call.longEnd();
  return [
    {
      name: 'raw_bytes',
      sent: 'JSON with other spaces and escapes, signed as it is',
      expected: 'accepted',
      requests: [() => signer.sign(respelled)],
      hint:
        'Verify the bytes as they came, before any JSON parser: what is parsed and written again ' +
        'has other bytes.',
    },
    {
      name: 'unknown_event',
      sent: 'an event type and fields that are not known yet',
      expected: 'accepted',
      requests: [() => signer.sign(unknown)],
      hint: 'Answer 2xx to types you have no use for, and ignore fields you do not know.',
    },
    {
      name: 'big_body',
      sent: `a body of ${Math.round(Buffer.byteLength(big.body) / 1024)} KB`,
      expected: 'accepted',
      requests: [() => signer.sign(big)],
      hint: 'Bodies have up to 64 KB: raise the limit of your server or of the proxy before it.',
    },
  ];
}

function spelledOtherwise({ id, body }: MadeUpEvent): MadeUpEvent {
  const spaced = JSON.stringify(JSON.parse(body), null, 2);
  const escaped = (character: string) =>
    `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return { id, body: spaced.replaceAll(/[^\0-~]/g, escaped) };
}

function ofTheFuture({ id, body }: MadeUpEvent): MadeUpEvent {
  const parsed = JSON.parse(body);
  const data = { ...parsed.data, a_new_field: { nested: [null, 1.5] } };
  return {
    id,
    body: JSON.stringify({ ...parsed, event: 'call.imagined', a_new_field: true, data }),
  };
}
