import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { verifyStandard, verifyTimestamped } from '../events/signatures.ts';

/*
 * How others sign what they send us
 * =================================
 *
 * | whose      | header                            | what                                          | how old |
 * |------------|-----------------------------------|-----------------------------------------------|---------|
 * | retell     | x-retell-signature: v=<ms>,d=<hex> | HMAC of body + ms, with its API key           | 5 min   |
 * | vapi       | x-vapi-secret, or a bearer token  | the secret itself                             | -       |
 * | vapi       | x-signature, x-timestamp          | HMAC of timestamp.body                        | 5 min   |
 * | vapi       | x-vapi-signature, or x-signature  | HMAC of the body                              | -       |
 * | bland      | x-webhook-signature: <hex>        | HMAC of the body, raw or compact              | -       |
 * | elevenlabs | elevenlabs-signature: t=<s>,v0=<hex> | HMAC of t.body                             | 30 min  |
 * | generic    | x-webhook-signature: <hex>        | HMAC of the body, raw or compact              | -       |
 * | generic    | the same with sha256=, x-webhook-timestamp | HMAC of timestamp.body               | 5 min   |
 * | generic    | webhook-signature, -id, -timestamp | Standard Webhooks                            | 5 min   |
 *
 * All are HMAC-SHA256 in hex, but for Standard Webhooks' base64. Compact is the body as JSON made anew:
 * what Bland's documentation signs.
 */

export type Signer = 'retell' | 'vapi' | 'bland' | 'elevenlabs' | 'generic';

export interface SignedRequest {
  /** Names in lower case, as Node gives them. */
  headers: IncomingHttpHeaders;
  /** The bytes as they came. */
  raw: Buffer;
  /** The body made anew as compact JSON; `null` where that cannot be. */
  compact: () => string | null;
  /** By our clock, milliseconds. */
  now: number;
}

export interface Scheme {
  signer: Signer;
  /** The headers that it looks at; one of them makes a request one that claims to be signed so. */
  headers: readonly string[];
  verify(request: SignedRequest, secret: string): boolean;
}

const REPLAY_WINDOW_MS = 5 * 60_000;
/** ElevenLabs' own libraries allow as much. */
const ELEVENLABS_WINDOW_MS = 30 * 60_000;

export const SCHEMES: readonly Scheme[] = [
  {
    signer: 'retell',
    headers: ['x-retell-signature'],
    verify: ({ headers, raw, now }, secret) => {
      const [, ms, digest] =
        /^v=(\d{1,16}),d=([0-9a-f]+)$/i.exec(one(headers, 'x-retell-signature')) ?? [];
      if (ms === undefined || !isFresh(Number(ms), now, REPLAY_WINDOW_MS)) return false;
      return isDigest(digest, secret, [raw, ms]);
    },
  },
  {
    signer: 'vapi',
    headers: ['x-vapi-secret'],
    verify: ({ headers }, secret) => isSecret(one(headers, 'x-vapi-secret'), secret),
  },
  {
    signer: 'vapi',
    headers: ['x-signature', 'x-vapi-signature'],
    verify: ({ headers, raw, now }, secret) => {
      const digest = withoutPrefix(one(headers, 'x-signature') || one(headers, 'x-vapi-signature'));
      const timestamp = one(headers, 'x-timestamp');
      if (timestamp === '') return isDigest(digest, secret, [raw]);
      const time = /^\d{1,16}$/.test(timestamp) ? Number(timestamp) : Number.NaN;
      // Seconds, unless they would be millennia ahead.
      const ms = time < 1e11 ? time * 1_000 : time;
      return isFresh(ms, now, REPLAY_WINDOW_MS) && isDigest(digest, secret, [`${timestamp}.`, raw]);
    },
  },
  {
    signer: 'bland',
    headers: ['x-webhook-signature'],
    verify: (request, secret) => isBodyDigest(request, secret),
  },
  {
    signer: 'elevenlabs',
    headers: ['elevenlabs-signature'],
    verify: ({ headers, raw, now }, secret) => {
      const parts = one(headers, 'elevenlabs-signature')
        .split(',')
        .map((part) => part.trim());
      const seconds = parts.find((part) => /^t=\d{1,12}$/.test(part))?.slice(2);
      if (seconds === undefined || !isFresh(Number(seconds) * 1_000, now, ELEVENLABS_WINDOW_MS)) {
        return false;
      }
      const given = parts.filter((part) => part.startsWith('v0=')).map((part) => part.slice(3));
      return given.some((digest) => isDigest(digest, secret, [`${seconds}.`, raw]));
    },
  },
  {
    signer: 'generic',
    headers: ['x-webhook-signature'],
    verify: (request, secret) => {
      const { headers, raw: body, now } = request;
      const nowInSeconds = Math.floor(now / 1_000);
      const timestamped = { headers, body, secrets: [secret], nowInSeconds };
      if (headers['x-webhook-timestamp'] !== undefined) {
        return verifyTimestamped(timestamped) === 'valid';
      }
      return isBodyDigest(request, secret);
    },
  },
  {
    signer: 'generic',
    headers: ['webhook-signature'],
    verify: ({ headers, raw: body, now }, secret) => {
      const nowInSeconds = Math.floor(now / 1_000);
      return verifyStandard({ headers, body, secrets: [secret], nowInSeconds }) === 'valid';
    },
  },
];

/** Vapi's newer way to send the secret; a key of ours comes in the same header. */
export function isVapiBearer(headers: IncomingHttpHeaders, secret: string): boolean {
  const [, token = ''] = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '') ?? [];
  return isSecret(token, secret);
}

function isBodyDigest({ headers, raw, compact }: SignedRequest, secret: string): boolean {
  const digest = withoutPrefix(one(headers, 'x-webhook-signature'));
  if (isDigest(digest, secret, [raw])) return true;
  const text = compact();
  return text !== null && isDigest(digest, secret, [text]);
}

function one(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? '';
}

function withoutPrefix(signature: string): string {
  return signature.replace(/^sha256=/i, '');
}

function isFresh(time: number, now: number, windowMs: number): boolean {
  return Math.abs(now - time) <= windowMs;
}

function isDigest(
  hex: string | undefined,
  secret: string,
  parts: readonly (string | Buffer)[],
): boolean {
  if (hex === undefined || !/^[0-9a-f]{64}$/i.test(hex)) return false;
  const hmac = createHmac('sha256', secret);
  for (const part of parts) hmac.update(part);
  return timingSafeEqual(hmac.digest(), Buffer.from(hex, 'hex'));
}

/** Both hashed: how long it takes tells neither where they differ nor how long the secret is. */
function isSecret(given: string, secret: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return given !== '' && timingSafeEqual(hash(given), hash(secret));
}
