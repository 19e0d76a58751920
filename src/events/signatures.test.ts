import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import {
  decodeSecret,
  type SignatureFamily,
  signRequest,
  singleValueSecret,
  verifyPlain,
  verifyStandard,
  verifyTimestamped,
  verifyVeevo,
} from './signatures.ts';

const ALL: SignatureFamily[] = ['standard', 'timestamped', 'plain', 'veevo'];
const RAW = 'made-up-secret';
// whsec_ + base64 of the characters 0123456789abcdef0123456789abcdef: made up
const WHSEC = 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=';
const OTHER = 'another-made-up-secret';
const fixed = {
  families: ALL,
  eventId: 'evt_1',
  deliveryId: 'dlv_1',
  timestampInSeconds: 1_700_000_000,
  body: '{"id":"evt_1","event":"call.ended"}',
};

const lower = (headers: Record<string, string>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

describe('signRequest', () => {
  // Worked out with Python's hmac and base64 modules.
  it('signs with a secret of its own characters', () => {
    expect(signRequest({ ...fixed, secrets: { current: RAW } })).toEqual({
      'webhook-id': 'evt_1',
      'webhook-timestamp': '1700000000',
      'webhook-signature': 'v1,CEyRCLSeo3InF7egnzjxgTpD8VUqWgzF8EjT0odRE24=',
      'X-Webhook-Signature':
        'sha256=2052f0191433c20a2b16201357376596c5a6c7e48b69acee0805e23d76f46587',
      'X-Webhook-Timestamp': '1700000000',
      'X-Webhook-Delivery-Id': 'dlv_1',
      'X-Signature': '7d411f7e58f00064ef171f3dff8108db405c456621787509a4dd7f8208c762fc',
      'X-Veevo-Signature': '7d411f7e58f00064ef171f3dff8108db405c456621787509a4dd7f8208c762fc',
    });
  });

  it('decodes a whsec_ secret for webhook-signature alone', () => {
    const headers = signRequest({ ...fixed, secrets: { current: WHSEC } });
    expect(headers['webhook-signature']).toBe('v1,ZywsXrhjOo4/0crr1ZdMW3rW8AYPaJW4lOO9aYvvKsc=');
    expect(headers['X-Signature']).toBe(
      '37343579e039314ff92a41b7fd78fd90992aaa3cd1e83cbd5d72ee754e77dbbd',
    );
  });

  it('makes only the families asked for', () => {
    const headers = signRequest({ ...fixed, families: ['plain'], secrets: { current: RAW } });
    expect(Object.keys(headers)).toEqual(['X-Signature']);
  });

  it('is accepted by the Standard Webhooks library, with raw and whsec_ secrets', () => {
    const now = Math.floor(Date.now() / 1000);
    fc.assert(
      fc.property(fc.json(), fc.uint8Array({ minLength: 24, maxLength: 64 }), (body, key) => {
        const secret = `whsec_${Buffer.from(key).toString('base64')}`;
        const request = { ...fixed, body, timestampInSeconds: now };
        const decoded = signRequest({ ...request, secrets: { current: secret } });
        const raw = signRequest({ ...request, secrets: { current: RAW } });
        new Webhook(secret).verify(body, decoded);
        new Webhook(RAW, { format: 'raw' }).verify(body, raw);
      }),
      { numRuns: 30 },
    );
  });

  it('carries both secrets of an overlap, so that a receiver with either accepts', () => {
    const now = Math.floor(Date.now() / 1000);
    const headers = signRequest({
      ...fixed,
      timestampInSeconds: now,
      secrets: { current: WHSEC, previous: RAW },
    });
    expect(headers['webhook-signature']?.split(' ')).toHaveLength(2);
    new Webhook(WHSEC).verify(fixed.body, headers);
    new Webhook(RAW, { format: 'raw' }).verify(fixed.body, headers);
  });

  it('uses the new secret in single-value headers, after a refusal the old one, alternately', () => {
    const secrets = { current: WHSEC, previous: RAW };
    expect([0, 1, 2, 3].map((refusals) => singleValueSecret(secrets, refusals))).toEqual([
      WHSEC,
      RAW,
      WHSEC,
      RAW,
    ]);
    expect([0, 1, 2].map((refusals) => singleValueSecret({ current: RAW }, refusals))).toEqual([
      RAW,
      RAW,
      RAW,
    ]);
    const headers = signRequest({ ...fixed, secrets, refusals: 1 });
    expect(headers['X-Signature']).toBe(createHmac('sha256', RAW).update(fixed.body).digest('hex'));
  });

  it('refuses an empty secret', () => {
    expect(() => signRequest({ ...fixed, secrets: { current: '' } })).toThrow(
      expect.objectContaining({ code: 'SIGNATURE_SECRET_INVALID' }),
    );
  });
});

describe('decodeSecret', () => {
  it.each([
    ['too short', 'whsec_c2hvcnQ='],
    ['nothing', 'whsec_'],
    ['not base64', 'whsec_this is no base64 at all, it is a sentence'],
    ['without its padding', WHSEC.slice(0, -1)],
    ['in the URL alphabet', `whsec_${'-_'.repeat(16)}`],
  ])('refuses a whsec_ secret that is %s', (_why, secret) => {
    expect(() => decodeSecret(secret)).toThrow(
      expect.objectContaining({ code: 'SIGNATURE_SECRET_INVALID' }),
    );
  });

  it('leaves other secrets alone', () => {
    expect(decodeSecret(RAW)).toBeNull();
  });
});

describe('verification', () => {
  const request = (headers: Record<string, string>, body: string, secrets: string[]) => ({
    headers: lower(headers),
    body: Buffer.from(body),
    secrets,
    nowInSeconds: fixed.timestampInSeconds + 10,
  });
  const verifiers = [verifyStandard, verifyTimestamped, verifyPlain, verifyVeevo];

  it.each([RAW, WHSEC])('accepts what was signed, by any of the known secrets', (secret) => {
    const headers = signRequest({ ...fixed, secrets: { current: secret } });
    for (const verify of verifiers) {
      expect(verify(request(headers, fixed.body, [OTHER, secret]))).toBe('valid');
    }
  });

  it('refuses another body and another secret', () => {
    const headers = signRequest({ ...fixed, secrets: { current: RAW } });
    for (const verify of verifiers) {
      expect(verify(request(headers, `${fixed.body} `, [RAW]))).toBe('invalid');
      expect(verify(request(headers, fixed.body, [OTHER]))).toBe('invalid');
      expect(verify(request(headers, fixed.body, []))).toBe('invalid');
    }
  });

  it('tells an absent family from a wrong one', () => {
    for (const verify of verifiers) expect(verify(request({}, fixed.body, [RAW]))).toBe('absent');
  });

  it('refuses a timestamp older or newer than five minutes, or none', () => {
    const headers = signRequest({ ...fixed, secrets: { current: RAW } });
    for (const verify of [verifyStandard, verifyTimestamped]) {
      for (const drift of [-301, 301]) {
        const at = { nowInSeconds: fixed.timestampInSeconds + drift };
        expect(verify({ ...request(headers, fixed.body, [RAW]), ...at })).toBe('invalid');
      }
    }
    const { 'webhook-timestamp': _standard, 'X-Webhook-Timestamp': _own, ...without } = headers;
    expect(verifyStandard(request(without, fixed.body, [RAW]))).toBe('invalid');
    expect(verifyTimestamped(request(without, fixed.body, [RAW]))).toBe('invalid');
  });
});
