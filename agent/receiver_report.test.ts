import { describe, expect, it } from 'vitest';
import {
  type SignatureFamily,
  signRequest,
  verifyPlain,
  verifyStandard,
  verifyTimestamped,
} from '../src/events/signatures.ts';
import { checkReceiver } from './receiver_report.ts';
import { type ReceivedRequest, receiverServer } from './testing/receiver_server.ts';

/** Made up. */
const SECRET = 'a-made-up-secret-of-a-receiver';
const ALL: readonly SignatureFamily[] = ['standard', 'timestamped', 'plain'];

const signed = (request: ReceivedRequest) => ({ ...request, secrets: [SECRET] });
const standard = (request: ReceivedRequest) => verifyStandard(signed(request)) === 'valid';
const timestamped = (request: ReceivedRequest) => verifyTimestamped(signed(request)) === 'valid';
const plain = (request: ReceivedRequest) => verifyPlain(signed(request)) === 'valid';

/** Right, but for what a test puts in place of a part. */
function receiver({
  isGenuine = standard,
  refusal = 401,
  accept = () => 200,
}: {
  isGenuine?: (request: ReceivedRequest) => boolean;
  refusal?: number | null;
  accept?: (event: Record<string, unknown>, request: ReceivedRequest) => number | null;
} = {}) {
  return receiverServer((request) => {
    if (!isGenuine(request)) return refusal;
    return accept(JSON.parse(request.body.toString()), request);
  });
}

async function wrongIn(
  options: Parameters<typeof receiver>[0],
  families: readonly SignatureFamily[] = ALL,
) {
  const { url } = await receiver(options);
  const report = await checkReceiver({ url, secret: SECRET, families, limitMs: 300 });
  const wrong = report.results.filter(({ ok }) => !ok);
  expect(report.ok).toBe(wrong.length === 0);
  expect(wrong.every(({ hint }) => hint !== null)).toBe(true);
  return { names: wrong.map(({ name }) => name), hints: wrong.map(({ hint }) => hint), report };
}

/** In their own terms: the header that they trust, whatever its timestamp says. */
function ageless({ headers, body }: ReceivedRequest): boolean {
  const { 'webhook-id': id = '', 'webhook-timestamp': at, 'webhook-signature': given } = headers;
  if (typeof given !== 'string') return false;
  const rightly = signRequest({
    families: ['standard'],
    secrets: { current: SECRET },
    eventId: String(id),
    deliveryId: '',
    timestampInSeconds: Number(at),
    body,
  });
  return given.split(' ').includes(rightly['webhook-signature'] ?? '');
}

const OLD = ['replayed', 'late', 'early'];
const FORGED = ['tampered_body', 'tampered_timestamp', 'wrong_secret', 'no_signature'];

describe('a receiver passes', () => {
  it.each([
    ['webhook-signature', standard, ALL],
    ['X-Webhook-Signature', timestamped, ALL],
    ['either of them', (one: ReceivedRequest) => standard(one) || timestamped(one), ALL],
    // Refused at first while two secrets overlap, as an endpoint's deliveries are then.
    ['both of them', (one: ReceivedRequest) => standard(one) && timestamped(one), ALL],
    ['the only one there is', timestamped, ['timestamped'] as const],
  ])('that verifies %s', async (_, isGenuine, families) => {
    const { names, report } = await wrongIn({ isGenuine }, families);
    expect(names).toEqual([]);
    expect(report.results.length).toBe(families.includes('plain' as never) ? 15 : 14);
  });

  it('without being sent anything that is not made up, or the same event under two ids', async () => {
    const { url, received } = await receiver();
    await checkReceiver({ url, secret: SECRET, families: ALL });
    const bodies = received.map(({ body }) => JSON.parse(body.toString()));
    expect(bodies.every(({ data }) => data.metadata.webhooks_check)).toBe(true);
    const accepted = bodies.filter((_, index) => standard(received[index]!));
    const places = new Set(accepted.map(({ call_id, sequence }) => `${call_id} ${sequence}`));
    expect(new Set(accepted.map(({ id }) => id)).size).toBe(places.size);
    expect(new Set(accepted.map(({ call_id }) => call_id)).size).toBe(2);
  });
});

describe('a receiver fails', () => {
  it('that accepts everything', async () => {
    const { names } = await wrongIn({ isGenuine: () => true });
    expect(names).toEqual([...FORGED, 'no_timestamp', ...OLD]);
  });

  it('that is content with a signature without a timestamp', async () => {
    const { names } = await wrongIn({ isGenuine: (one) => standard(one) || plain(one) });
    expect(names).toEqual(['tampered_timestamp', 'no_timestamp', ...OLD]);
  });

  it('that does not look at the age', async () => {
    expect((await wrongIn({ isGenuine: ageless })).names).toEqual(OLD);
  });

  it('that verifies what it has parsed and written again', async () => {
    const again = (body: Buffer) => Buffer.from(JSON.stringify(JSON.parse(body.toString())));
    const isGenuine = ({ headers, body }: ReceivedRequest) =>
      standard({ headers, body: again(body) });
    expect((await wrongIn({ isGenuine })).names).toEqual(['raw_bytes']);
  });

  it('that knows of one signature at a time', async () => {
    const isGenuine = (one: ReceivedRequest) =>
      !String(one.headers['webhook-signature']).includes(' ') && standard(one);
    expect((await wrongIn({ isGenuine })).names).toEqual(['rotation']);
  });

  it('that reports a repetition as a conflict', async () => {
    const seen = new Set();
    const accept = ({ id }: Record<string, unknown>) => (seen.size < seen.add(id).size ? 200 : 409);
    expect((await wrongIn({ accept })).names).toEqual(['duplicate']);
  });

  it('that insists on the order', async () => {
    const next = new Map<unknown, number>();
    const accept = ({ call_id, sequence }: Record<string, unknown>) => {
      const expected = next.get(call_id) ?? 1;
      if (Number(sequence) > expected) return 409;
      next.set(call_id, Math.max(expected, Number(sequence) + 1));
      return 200;
    };
    expect((await wrongIn({ accept })).names).toEqual(['out_of_order']);
  });

  it('that refuses what it does not know, or what is long', async () => {
    const known = ({ event }: Record<string, unknown>) => (event === 'call.imagined' ? 422 : 200);
    expect((await wrongIn({ accept: known })).names).toEqual(['unknown_event']);
    const short = (_: unknown, { body }: ReceivedRequest) => (body.length > 50_000 ? 413 : 200);
    expect((await wrongIn({ accept: short })).names).toEqual(['big_body']);
  });

  it.each([
    [302, 'Redirects are not followed'],
    [500, 'It failed over this'],
    [410, 'gone for good'],
  ])('that answers a genuine event with %i, and hears why', async (status, hint) => {
    const { names, hints } = await wrongIn({ accept: () => status });
    expect(names).toContain('good');
    expect(hints[0]).toContain(hint);
  });

  it.each([
    [500, 'It failed over this'],
    [429, 'asks for a retry'],
    [null, 'No answer within 15 s'],
  ])('that answers a forged one with %s, and hears why', async (refusal, hint) => {
    const { names, hints } = await wrongIn({ refusal });
    expect(names).toEqual([...FORGED, 'no_timestamp', ...OLD]);
    expect(hints.every((one) => one?.includes(hint))).toBe(true);
  });
});
