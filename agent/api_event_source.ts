import { request } from 'undici';
import { z } from 'zod';
import { parseRetryAfter } from '../src/delivery/retry_schedule.ts';
import { CallwireError } from '../src/errors.ts';
import type { EventSource, FeedPage } from './event_feed.ts';

const ANSWER_LIMIT_MS = 30_000;

const Page = z.object({
  events: z.array(
    z.looseObject({
      id: z.string(),
      event: z.string(),
      call_id: z.string().nullable(),
      sequence: z.number().nullable(),
      timestamp: z.string(),
      position: z.number(),
    }),
  ),
  nextCursor: z.string(),
});

/**
 * `GET /v1/events`, from wherever the HTTP API is; `url` has no slash at its end. Rejects with
 * `FEED_REFUSED`.
 */
export function apiEventSource({ url, key }: { url: string; key: string }): EventSource {
  return {
    name: url,
    page: (after, limit, signal) =>
      readPage({ url, key, query: `after=${after}&limit=${limit}`, signal }),
    close: () => Promise.resolve(),
  };
}

async function readPage({
  url,
  key,
  query,
  signal,
}: {
  url: string;
  key: string;
  query: string;
  signal: AbortSignal;
}): Promise<FeedPage> {
  let status: number;
  let text: string;
  let retryAfterMs: number | undefined;
  try {
    const answer = await request(`${url}/v1/events?${query}`, {
      headers: { authorization: `Bearer ${key}` },
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]),
    });
    status = answer.statusCode;
    retryAfterMs = parseRetryAfter(answer.headers['retry-after'], Date.now());
    text = await answer.body.text();
  } catch {
    return { reason: `${url} cannot be reached`, error: unreachable(url) };
  }
  if (status === 200) {
    const page = Page.safeParse(parseJson(text));
    if (page.success) return { events: page.data.events, next: page.data.nextCursor };
    throw refused(`${url} answers, but not as Callwire does.`, 'Check --url.');
  }
  if (status === 401) throw refused('The key is unknown or was revoked.', KEY_REMEDY);
  if (status === 403) throw refused('The key has not the scope calls:read.', KEY_REMEDY);
  if (status !== 429 && status < 500) {
    throw refused(`${url} answers ${status}.`, 'Check --url and --after.');
  }
  return { reason: `${url} answers ${status}`, retryAfterMs };
}

const KEY_REMEDY =
  'Set API_KEY or --key; npm run keys create -- --scopes calls:read makes a key for this.';

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refused(message: string, remedy: string): CallwireError {
  return new CallwireError('FEED_REFUSED', message, { remedy });
}

function unreachable(url: string): CallwireError {
  return new CallwireError('FEED_UNREACHABLE', `The HTTP API cannot be reached at ${url}.`, {
    retryable: true,
    remedy: 'Start the worker (npm run agent dev), or say where it is: --url, PUBLIC_URL, PORT.',
  });
}
