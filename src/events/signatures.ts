import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { CallwireError } from '../errors.ts';

/**
 * The signatures of everything Callwire sends, and their verification.
 *
 * | family | headers | what is signed |
 * |---|---|---|
 * | `standard` | `webhook-id`, `webhook-timestamp`, `webhook-signature` | `id.timestamp.body` (Standard Webhooks) |
 * | `timestamped` | `X-Webhook-Signature`, `-Timestamp`, `-Delivery-Id` | `timestamp.body` |
 * | `plain` | `X-Signature` | the body; default endpoint only |
 * | `veevo` | `X-Veevo-Signature` | the body; call hooks only |
 *
 * The last two carry no timestamp and so cannot tell a replay: receivers are told to check one of
 * the first two.
 */
export type SignatureFamily = 'standard' | 'timestamped' | 'plain' | 'veevo';

export interface SigningSecrets {
  current: string;
  /** The secret before it, while the two overlap. */
  previous?: string;
}

/** How far a timestamp may be from the receiver's clock, either way (Standard Webhooks). */
export const TIMESTAMP_TOLERANCE_IN_SECONDS = 300;

const PREFIX = 'whsec_';
const MIN_KEY_BYTES = 24;

/**
 * The key behind a `whsec_` secret, or `null` for a secret of another form. Throws
 * `SIGNATURE_SECRET_INVALID` where what follows the prefix is not strict base64 of at least
 * 24 bytes: Node's decoder skips what it does not know, so a mistyped secret would sign with
 * something that no receiver can guess.
 */
export function decodeSecret(secret: string): Buffer | null {
  if (!secret.startsWith(PREFIX)) return null;
  const text = secret.slice(PREFIX.length);
  const key = Buffer.from(text, 'base64');
  if (key.length < MIN_KEY_BYTES || key.toString('base64') !== text) {
    throw new CallwireError(
      'SIGNATURE_SECRET_INVALID',
      `A secret that begins with ${PREFIX} must go on with base64 of at least ${MIN_KEY_BYTES} bytes.`,
      {
        remedy: `Make one with: node -p "'${PREFIX}' + crypto.randomBytes(32).toString('base64')"`,
      },
    );
  }
  return key;
}

/**
 * Which secret signs the headers that hold one value: the current one; after a refused attempt the
 * previous one, then the current one again, until the overlap ends. `refusals` counts the attempts
 * of this delivery that the receiver answered as unauthorised.
 */
export function singleValueSecret(secrets: SigningSecrets, refusals: number): string {
  return secrets.previous !== undefined && refusals % 2 === 1 ? secrets.previous : secrets.current;
}

/**
 * The headers of one attempt. Throws `SIGNATURE_SECRET_INVALID` as `decodeSecret` does; an empty
 * secret is refused likewise, for its signature would prove nothing.
 */
export function signRequest(request: {
  families: readonly SignatureFamily[];
  secrets: SigningSecrets;
  /** See `singleValueSecret`. */
  refusals?: number;
  eventId: string;
  deliveryId: string;
  /** Unix seconds, a whole number. */
  timestampInSeconds: number;
  body: string | Uint8Array;
}): Record<string, string> {
  const { families, secrets, eventId, deliveryId, timestampInSeconds, body } = request;
  const single = singleValueSecret(secrets, request.refusals ?? 0);
  const timestamp = String(timestampInSeconds);
  const headers: Record<string, string> = {};
  if (families.includes('standard')) {
    const all = [secrets.current, secrets.previous].filter((secret) => secret !== undefined);
    headers['webhook-id'] = eventId;
    headers['webhook-timestamp'] = timestamp;
    headers['webhook-signature'] = all
      .map((secret) => `v1,${standardDigest(secret, eventId, timestamp, body).toString('base64')}`)
      .join(' ');
  }
  if (families.includes('timestamped')) {
    const digest = hmac(rawKey(single), `${timestamp}.`, body).toString('hex');
    headers['X-Webhook-Signature'] = `sha256=${digest}`;
    headers['X-Webhook-Timestamp'] = timestamp;
    headers['X-Webhook-Delivery-Id'] = deliveryId;
  }
  if (families.includes('plain')) {
    headers['X-Signature'] = hmac(rawKey(single), '', body).toString('hex');
  }
  if (families.includes('veevo')) {
    headers['X-Veevo-Signature'] = hmac(rawKey(single), '', body).toString('hex');
  }
  return headers;
}

/** `absent`: the request does not carry this family at all. */
export type SignatureVerdict = 'valid' | 'invalid' | 'absent';

export interface SignedRequest {
  /** Names in lower case, as Node gives them. */
  headers: IncomingHttpHeaders | Record<string, string | undefined>;
  /** The raw bytes as they came, never JSON made anew. */
  body: string | Uint8Array;
  /** Any of them may have signed. */
  secrets: readonly string[];
  /** Unix seconds (the clock). */
  nowInSeconds?: number;
}

export function verifyStandard(request: SignedRequest): SignatureVerdict {
  const signatures = one(request, 'webhook-signature');
  const id = one(request, 'webhook-id');
  const timestamp = one(request, 'webhook-timestamp');
  if (signatures === undefined) return 'absent';
  if (id === undefined || !isFresh(timestamp, request)) return 'invalid';
  const expected = request.secrets.map(
    (secret) => `v1,${standardDigest(secret, id, timestamp, request.body).toString('base64')}`,
  );
  return verdict(signatures.split(' '), expected);
}

export function verifyTimestamped(request: SignedRequest): SignatureVerdict {
  const signature = one(request, 'x-webhook-signature');
  const timestamp = one(request, 'x-webhook-timestamp');
  if (signature === undefined) return 'absent';
  if (!isFresh(timestamp, request)) return 'invalid';
  const expected = request.secrets.map(
    (secret) => `sha256=${hmac(rawKey(secret), `${timestamp}.`, request.body).toString('hex')}`,
  );
  return verdict([signature], expected);
}

/** `X-Signature`. */
export function verifyPlain(request: SignedRequest): SignatureVerdict {
  return verifyBody(request, 'x-signature');
}

/** `X-Veevo-Signature`. */
export function verifyVeevo(request: SignedRequest): SignatureVerdict {
  return verifyBody(request, 'x-veevo-signature');
}

function verifyBody(request: SignedRequest, header: string): SignatureVerdict {
  const signature = one(request, header);
  if (signature === undefined) return 'absent';
  const expected = request.secrets.map((secret) =>
    hmac(rawKey(secret), '', request.body).toString('hex'),
  );
  return verdict([signature], expected);
}

/** The secret's own characters: also for a `whsec_` one, prefix and all, outside `standard`. */
function rawKey(secret: string): string {
  if (secret === '') {
    throw new CallwireError('SIGNATURE_SECRET_INVALID', 'The signing secret is empty.', {
      remedy: 'Set WEBHOOK_SECRET to a random string of at least 24 characters.',
    });
  }
  return secret;
}

function standardDigest(
  secret: string,
  id: string,
  timestamp: string,
  body: string | Uint8Array,
): Buffer {
  const key = decodeSecret(secret);
  return hmac(key ? createSecretKey(key) : rawKey(secret), `${id}.${timestamp}.`, body);
}

/** Not with a key of bytes: Node 24 takes three times as long to find out what such a key is. */
function hmac(key: string | KeyObject, before: string, body: string | Uint8Array): Buffer {
  return createHmac('sha256', key).update(before).update(body).digest();
}

function one(request: SignedRequest, header: string): string | undefined {
  const value = request.headers[header];
  return Array.isArray(value) ? value[0] : value;
}

function isFresh(timestamp: string | undefined, request: SignedRequest): timestamp is string {
  if (timestamp === undefined || !/^\d{1,12}$/.test(timestamp)) return false;
  const now = request.nowInSeconds ?? Math.floor(Date.now() / 1000);
  return Math.abs(now - Number(timestamp)) <= TIMESTAMP_TOLERANCE_IN_SECONDS;
}

function verdict(given: readonly string[], expected: readonly string[]): SignatureVerdict {
  let valid = false;
  for (const candidate of given) {
    for (const right of expected) valid = equal(candidate, right) || valid;
  }
  return valid ? 'valid' : 'invalid';
}

/** In constant time, but for the length, which is no secret. */
function equal(given: string, expected: string): boolean {
  const a = Buffer.from(given, 'utf8');
  const b = Buffer.from(expected, 'utf8');
  return a.length === b.length && timingSafeEqual(a, b);
}
