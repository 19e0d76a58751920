import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import { z } from 'zod';
import { parseRetryAfter } from '../src/delivery/retry_schedule.ts';
import { CallwireError } from '../src/errors.ts';

/** An event of the feed: the delivered body, and its position. */
export interface FeedEvent {
  id: string;
  event: string;
  call_id: string | null;
  sequence: number | null;
  timestamp: string;
  position: number;
  [field: string]: unknown;
}

export interface EventFeedOptions {
  /** Of the HTTP API, without a slash at its end. */
  url: string;
  key: string;
  /** A position, or `latest`. */
  after: string;
  signal: AbortSignal;
  /** An outage begins, in a line; the feed goes on by itself. */
  onTrouble?: (reason: string) => void;
  /** How long to wait after a page that was not full (Default: 1 s) */
  pollMs?: number;
}

const PAGE = 100;
const ANSWER_LIMIT_MS = 30_000;
const RETRY_MS = 3_000;

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
 * Every event from a position on, as `GET /v1/events` has them, until the signal aborts. Once the
 * first page was there, outages are waited out.
 *
 * @throws `FEED_UNREACHABLE` before the first page; `FEED_REFUSED` for what no waiting mends.
 */
export async function* eventFeed(options: EventFeedOptions): AsyncGenerator<FeedEvent> {
  const { signal, pollMs = 1_000, onTrouble = () => {} } = options;
  let { after } = options;
  let reached = false;
  let troubled = false;
  while (!signal.aborted) {
    const answer = await readPage(options, after);
    if ('page' in answer) {
      reached = true;
      troubled = false;
      yield* answer.page.events;
      after = answer.page.nextCursor;
      if (answer.page.events.length < PAGE) await pause(pollMs, signal);
    } else if (!signal.aborted) {
      if (!reached && answer.status === null) throw unreachable(options.url);
      if (!troubled) onTrouble(answer.reason);
      troubled = true;
      await pause(answer.retryAfterMs ?? RETRY_MS, signal);
    }
  }
}

type Answer =
  | { page: z.infer<typeof Page> }
  | { status: number | null; reason: string; retryAfterMs: number | undefined };

async function readPage({ url, key, signal }: EventFeedOptions, after: string): Promise<Answer> {
  let status: number;
  let text: string;
  let retryAfterMs: number | undefined;
  try {
    const answer = await request(`${url}/v1/events?after=${after}&limit=${PAGE}`, {
      headers: { authorization: `Bearer ${key}` },
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]),
    });
    status = answer.statusCode;
    retryAfterMs = parseRetryAfter(answer.headers['retry-after'], Date.now());
    text = await answer.body.text();
  } catch {
    return { status: null, reason: `${url} cannot be reached`, retryAfterMs: undefined };
  }
  if (status === 200) {
    const page = Page.safeParse(parseJson(text));
    if (page.success) return { page: page.data };
    throw refused(`${url} answers, but not as Callwire does.`, 'Check --url.');
  }
  if (status === 401) throw refused('The key is unknown or was revoked.', KEY_REMEDY);
  if (status === 403) throw refused('The key has not the scope calls:read.', KEY_REMEDY);
  if (status !== 429 && status < 500) {
    throw refused(`${url} answers ${status}.`, 'Check --url and --after.');
  }
  return { status, reason: `${url} answers ${status}`, retryAfterMs };
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

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
