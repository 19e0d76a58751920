import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { judgeSignatures, type Origin } from './authenticate.ts';
import { SECRETS } from './testing/door.ts';

const NOW = Date.UTC(2026, 10, 2, 10, 0, 0);
const SECONDS = NOW / 1_000;
/** Not compact: two spaces, and a line break at its end. */
const RAW = '{ "a":  1,\n"b": "é" }\n';
const COMPACT = '{"a":1,"b":"é"}';

const hex = (secret: string, text: string) =>
  createHmac('sha256', secret).update(text).digest('hex');

type Headers = Record<string, string>;

function judged(
  headers: Headers,
  platform: Origin['platform'],
  { raw = RAW, secrets = SECRETS as Partial<typeof SECRETS>, simplified = false } = {},
) {
  const compact = () => JSON.stringify(JSON.parse(raw));
  const request = { headers, raw: Buffer.from(raw), compact, now: NOW };
  const given = { ...NONE, ...secrets };
  return judgeSignatures(request, { platform, simplified }, given).kind;
}

const NONE = {
  retell: undefined,
  vapi: undefined,
  bland: undefined,
  elevenlabs: undefined,
  generic: undefined,
};

/** Every scheme: whose body, and its headers for a text signed at a time (milliseconds). */
const SCHEMES: {
  name: string;
  platform: string;
  sign: (text: string, at?: number) => Headers;
  windowMs: number | null;
  /** The header that holds the digest. */
  header: string;
}[] = [
  {
    name: 'Retell',
    platform: 'retell',
    header: 'x-retell-signature',
    windowMs: 300_000,
    sign: (text, at = NOW) => ({
      'x-retell-signature': `v=${at},d=${hex(SECRETS.retell, text + at)}`,
    }),
  },
  {
    name: "Vapi's HMAC with a timestamp",
    platform: 'vapi',
    header: 'x-signature',
    windowMs: 300_000,
    sign: (text, at = NOW) => ({
      'x-signature': hex(SECRETS.vapi, `${at / 1_000}.${text}`),
      'x-timestamp': String(at / 1_000),
    }),
  },
  {
    name: "Vapi's HMAC of the body",
    platform: 'vapi',
    header: 'x-vapi-signature',
    windowMs: null,
    sign: (text) => ({ 'x-vapi-signature': hex(SECRETS.vapi, text) }),
  },
  {
    name: 'Bland',
    platform: 'bland',
    header: 'x-webhook-signature',
    windowMs: null,
    sign: (text) => ({ 'x-webhook-signature': hex(SECRETS.bland, text) }),
  },
  {
    name: 'ElevenLabs',
    platform: 'elevenlabs',
    header: 'elevenlabs-signature',
    windowMs: 1_800_000,
    sign: (text, at = NOW) => ({
      'elevenlabs-signature': `t=${at / 1_000},v0=${hex(SECRETS.elevenlabs, `${at / 1_000}.${text}`)}`,
    }),
  },
  {
    name: 'the generic shape',
    platform: 'harbour-glue',
    header: 'x-webhook-signature',
    windowMs: null,
    sign: (text) => ({ 'x-webhook-signature': hex(SECRETS.generic, text) }),
  },
  {
    name: 'the generic shape with a timestamp',
    platform: 'harbour-glue',
    header: 'x-webhook-signature',
    windowMs: 300_000,
    sign: (text, at = NOW) => ({
      'x-webhook-signature': `sha256=${hex(SECRETS.generic, `${at / 1_000}.${text}`)}`,
      'x-webhook-timestamp': String(at / 1_000),
    }),
  },
  {
    name: 'Standard Webhooks',
    platform: 'harbour-glue',
    header: 'webhook-signature',
    windowMs: 300_000,
    sign: (text, at = NOW) => ({
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(at / 1_000),
      'webhook-signature': new Webhook(SECRETS.generic, { format: 'raw' }).sign(
        'msg_1',
        new Date(at),
        text,
      ),
    }),
  },
];

describe.each(SCHEMES)('$name', ({ platform, sign, windowMs, header }) => {
  it('is valid over the bytes as they came', () => {
    expect(judged(sign(RAW), platform)).toBe('valid');
  });

  it('is invalid once a byte has changed', () => {
    expect(judged(sign(RAW), platform, { raw: RAW.replace('1', '2') })).toBe('invalid');
  });

  it('is invalid with another secret, cut short, longer, empty, or no hex', () => {
    const headers = sign(RAW);
    const given = headers[header] ?? '';
    const digest = /[0-9a-f]{64}|[A-Za-z0-9+/]{43}=/.exec(given)?.[0] ?? '';
    for (const wrong of [hex('another', RAW), digest.slice(1), `${digest}0`, '', 'zz', 'é']) {
      const tampered = { ...headers, [header]: given.replace(digest, wrong) };
      expect([wrong, judged(tampered, platform)]).toEqual([wrong, 'invalid']);
    }
    expect(judged({ ...headers, [header]: '' }, platform)).toBe('invalid');
  });

  it('counts as absent where its secret is not configured', () => {
    expect(judged(sign(RAW), platform, { secrets: {} })).toBe('absent');
  });

  it('is good for a while only, either way, where it says when it was made', () => {
    const long = 365 * 86_400_000;
    for (const [offset, verdict] of [
      [(windowMs ?? long) - 1_000, 'valid'],
      [(windowMs ?? long) + 1_000, windowMs === null ? 'valid' : 'invalid'],
    ] as const) {
      for (const at of [NOW - offset, NOW + offset]) {
        expect(judged(sign(RAW, at), platform)).toBe(verdict);
      }
    }
  });
});

describe('a signature', () => {
  it('of Bland, and of the generic shape, may be over the compact form', () => {
    for (const [secret, platform] of [
      [SECRETS.bland, 'bland'],
      [SECRETS.generic, 'harbour-glue'],
    ] as const) {
      expect(judged({ 'x-webhook-signature': hex(secret, COMPACT) }, platform)).toBe('valid');
    }
    const retell = { 'x-retell-signature': `v=${NOW},d=${hex(SECRETS.retell, COMPACT + NOW)}` };
    expect(judged(retell, 'retell')).toBe('invalid');
  });

  it('of Vapi may be the secret itself, in its header or as a bearer token', () => {
    expect(judged({ 'x-vapi-secret': SECRETS.vapi }, 'vapi')).toBe('valid');
    expect(judged({ authorization: `Bearer ${SECRETS.vapi}` }, 'vapi')).toBe('valid');
    for (const wrong of [`${SECRETS.vapi}x`, SECRETS.vapi.slice(1), '']) {
      expect(judged({ 'x-vapi-secret': wrong }, 'vapi')).toBe('invalid');
      // In that header it may be a key of ours.
      expect(judged({ authorization: `Bearer ${wrong}` }, 'vapi')).toBe('absent');
    }
  });

  it('that is wrong counts, whatever else is right', () => {
    const right = { 'x-vapi-secret': SECRETS.vapi };
    expect(judged({ ...right, 'x-vapi-signature': hex('another', RAW) }, 'vapi')).toBe('invalid');
  });

  it("of one platform is none for another's body", () => {
    const bland = { 'x-webhook-signature': hex(SECRETS.bland, RAW) };
    expect(judged(bland, 'bland')).toBe('valid');
    expect(judged(bland, 'vapi')).toBe('invalid');
    expect(judged(bland, 'vapi', { secrets: { bland: SECRETS.bland } })).toBe('absent');
    const vapi = { 'x-vapi-secret': SECRETS.vapi };
    expect(judged(vapi, 'retell')).toBe('invalid');
    expect(judged({ authorization: `Bearer ${SECRETS.vapi}` }, 'retell')).toBe('absent');
    // Who has INGEST_SECRET may tell of anybody's.
    expect(judged({ 'x-webhook-signature': hex(SECRETS.generic, RAW) }, 'bland')).toBe('valid');
    // Of what nobody recognises, the signature says whose it is.
    expect(judged(bland, null)).toBe('valid');
  });

  it("in the header that Bland shares is judged by Bland's secret for Bland's own bodies", () => {
    const bland = { 'x-webhook-signature': hex(SECRETS.bland, RAW) };
    const secrets = { generic: SECRETS.generic };
    expect(judged(bland, 'bland', { secrets })).toBe('absent');
    expect(judged(bland, 'bland', { secrets, simplified: true })).toBe('invalid');
  });

  it('of ElevenLabs may stand among several', () => {
    const right = hex(SECRETS.elevenlabs, `${SECONDS}.${RAW}`);
    const header = `t=${SECONDS},v0=${hex('the key before', RAW)},v0=${right}`;
    expect(judged({ 'elevenlabs-signature': header }, 'elevenlabs')).toBe('valid');
  });
});
