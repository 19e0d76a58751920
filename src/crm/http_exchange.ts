import type { Dispatcher } from 'undici';
import { Agent, request } from 'undici';
import { USER_AGENT } from '../delivery/user_agent.ts';
import { untilAborted } from './until_aborted.ts';

/**
 * One pool for all that a process says to the CRM, and the worker to the text model. Idle connections
 * do not keep a process alive, so nothing has to be closed at the end of a call.
 */
const pool = new Agent({ connections: 8 });

export interface Exchange {
  url: URL;
  headers: Record<string, string>;
  body: unknown;
  /** How much of the answer is read; the connection is dropped when more comes. */
  limitInBytes: number;
  signal: AbortSignal;
}

export interface Answer {
  status: number;
  headers: Dispatcher.ResponseData['headers'];
  /** At most `limitInBytes` of it. */
  text: string;
  /** Whether there was more. */
  cut: boolean;
}

/**
 * `POST` of a JSON body. Redirects are not followed: they would carry the key, and a write turned
 * into a `GET`, to wherever the answer says. Rejects with undici's errors, or with the signal's
 * reason as soon as it is aborted: undici itself hears a signal only once the connection stands,
 * so an address that swallows packets would hold a look-up for the 10 s of its connect timeout
 * while the phone rings.
 */
export function exchange(options: Exchange): Promise<Answer> {
  return untilAborted(postAndRead(options), options.signal);
}

async function postAndRead({
  url,
  headers,
  body,
  limitInBytes,
  signal,
}: Exchange): Promise<Answer> {
  const response = await request(url, {
    dispatcher: pool,
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      'user-agent': USER_AGENT,
      ...headers,
    },
    body: JSON.stringify(body),
    signal,
  });
  const chunks: Buffer[] = [];
  let length = 0;
  // Leaving the loop early destroys the body, which says so once more as an error event.
  response.body.on('error', () => {});
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > limitInBytes) break;
  }
  return {
    status: response.statusCode,
    headers: response.headers,
    // TextDecoder, unlike Buffer, takes the byte-order mark away, which JSON.parse would refuse.
    text: new TextDecoder().decode(Buffer.concat(chunks).subarray(0, limitInBytes)),
    cut: length > limitInBytes,
  };
}

/** `CRM_URL`, which may have a path of its own, with a path below it. */
export function crmUrl(base: string, ...segments: readonly string[]): URL {
  const url = new URL(base);
  const path = segments.map((segment) => `/${encodeURIComponent(segment.toWellFormed())}`).join('');
  url.pathname = url.pathname.replace(/\/+$/, '') + path;
  return url;
}

export function bearer(apiKey: string | undefined): Record<string, string> {
  return apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
}

const TIMEOUT_CODES = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
]);

export function isTimeout(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === 'TimeoutError' || TIMEOUT_CODES.has(errorCode(error) ?? '');
}

/** `ECONNREFUSED`, `UND_ERR_SOCKET`, … */
export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
