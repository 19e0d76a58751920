import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

const ALGORITHM = 'AWS4-HMAC-SHA256';
/** What AWS allows clocks to differ. */
const CLOCK_SKEW_MS = 15 * 60_000;

export interface S3Request {
  method: string;
  /** Path and query as they were sent. */
  url: string;
  headers: IncomingHttpHeaders;
}

/** Why a request is refused, in the words of S3; `null` where it is signed rightly. */
export type Refusal = 'AccessDenied' | 'SignatureDoesNotMatch' | 'RequestTimeTooSkewed';

/**
 * Checks AWS Signature Version 4, in the header or in the URL (presigned), by the published
 * algorithm: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
 */
export function refusalOf(
  request: S3Request,
  keys: { accessKeyId: string; secretAccessKey: string },
  now: number,
): Refusal | null {
  const [path = '', query = ''] = request.url.split('?', 2);
  const parameters = query.split('&').filter(Boolean).map(pair);
  const signed = readSignature(request, new Map(parameters));
  if (!signed) return 'AccessDenied';
  const [accessKeyId, day, region, service, end] = signed.credential.split('/');
  if (accessKeyId !== keys.accessKeyId || service !== 's3' || end !== 'aws4_request') {
    return 'AccessDenied';
  }
  const at = timeOf(signed.date);
  if (!signed.date.startsWith(day ?? '-') || Number.isNaN(at)) return 'AccessDenied';
  const latest = at + (signed.expiresInSeconds ?? CLOCK_SKEW_MS / 1_000) * 1_000;
  if (now > latest) return signed.expiresInSeconds ? 'AccessDenied' : 'RequestTimeTooSkewed';

  const canonical = [
    request.method,
    path,
    parameters
      .filter(([name]) => name !== 'X-Amz-Signature')
      .map(([name, value]) => `${name}=${value}`)
      .sort()
      .join('&'),
    ...signed.headers.map((name) => `${name}:${String(request.headers[name] ?? '').trim()}`),
    '',
    signed.headers.join(';'),
    signed.payload,
  ].join('\n');
  const scope = [day, region, service, end].join('/');
  const text = [ALGORITHM, signed.date, scope, sha256(canonical)].join('\n');
  const key = [day, region, service, end].reduce<Buffer | string>(
    (secret, part) => hmac(secret, part ?? ''),
    `AWS4${keys.secretAccessKey}`,
  );
  const [right, given] = [hmac(key, text), Buffer.from(signed.signature, 'hex')];
  const matches = right.length === given.length && timingSafeEqual(right, given);
  return matches ? null : 'SignatureDoesNotMatch';
}

interface Signature {
  credential: string;
  date: string;
  headers: string[];
  signature: string;
  payload: string;
  /** Only of a presigned URL. */
  expiresInSeconds?: number;
}

function readSignature(
  { headers }: S3Request,
  query: ReadonlyMap<string, string>,
): Signature | null {
  const [, fields = ''] = /^AWS4-HMAC-SHA256 (.+)$/.exec(headers.authorization ?? '') ?? [];
  if (fields !== '') {
    const given = new Map(fields.split(/, ?/).map(pair));
    return {
      credential: given.get('Credential') ?? '',
      date: String(headers['x-amz-date'] ?? ''),
      headers: (given.get('SignedHeaders') ?? '').split(';'),
      signature: given.get('Signature') ?? '',
      payload: String(headers['x-amz-content-sha256'] ?? ''),
    };
  }
  if (query.get('X-Amz-Algorithm') !== ALGORITHM) return null;
  const decoded = (name: string) => decodeURIComponent(query.get(name) ?? '');
  return {
    credential: decoded('X-Amz-Credential'),
    date: decoded('X-Amz-Date'),
    headers: decoded('X-Amz-SignedHeaders').split(';'),
    signature: decoded('X-Amz-Signature'),
    payload: 'UNSIGNED-PAYLOAD',
    expiresInSeconds: Number(decoded('X-Amz-Expires')),
  };
}

function pair(text: string): [string, string] {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** `20261124T200000Z` */
function timeOf(date: string): number {
  const iso = date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  return Date.parse(iso);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
