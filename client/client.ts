import createFetchClient, { type Client } from 'openapi-fetch';
import type { components, paths } from './openapi.js';

/*
 * `callwire/client`: the HTTP API with the types of docs/openapi.json. What users import is made of
 * this file and that one by `npm run generate`: client.js, client.d.ts, openapi.d.ts.
 */

export type { components, paths } from './openapi.js';

export type Call = components['schemas']['Call'];
export type CallEvent = components['schemas']['Event'];
/** What `POST /v1/calls` takes. */
export type NewCall = paths['/v1/calls']['post']['requestBody']['content']['application/json'];
/** The body of every answer that is not 2xx. */
export type ApiErrorBody = components['schemas']['Error'];
export type ApiErrorCode = ApiErrorBody['error']['code'];
export type ApiErrorDetails = NonNullable<ApiErrorBody['error']['details']>;

/** `GET`, `POST`, `PATCH` and `DELETE` of every path; answers are `{ data, error, response }`. */
export type CallwireClient = Client<paths>;

export interface ClientOptions {
  /** Where the API is: `http://127.0.0.1:8080`. */
  baseUrl: string;
  apiKey: string;
  /** For a request with all its attempts and waits. Default: 30 s. */
  timeoutMs?: number;
  /** Default: 4. */
  attempts?: number;
  /** Default: the runtime's own. */
  fetch?: (request: Request) => Promise<Response>;
}

const TIMEOUT_MS = 30_000;
const ATTEMPTS = 4;
const FIRST_WAIT_MS = 250;
/** What passes by itself: too many requests, a restart, a proxy in front of one. */
const PASSING = new Set([429, 502, 503, 504]);

/**
 * A client that asks again where that is harmless: what reads, deletes or ends, and what has an
 * idempotency key. `POST /v1/calls` is given one where you give none, so that an answer that was lost
 * on its way is not a second phone call; against a second run of your own program give a key of yours.
 */
export function createClient(options: ClientOptions): CallwireClient {
  const { baseUrl, apiKey, timeoutMs = TIMEOUT_MS, attempts = ATTEMPTS } = options;
  const send = options.fetch ?? ((request) => fetch(request));
  return createFetchClient<paths>({
    baseUrl,
    headers: { authorization: `Bearer ${apiKey}` },
    fetch: async (request) => {
      const signal = AbortSignal.any([request.signal, AbortSignal.timeout(timeoutMs)]);
      // Beside one in the body, another in the header is refused.
      const hasOwnKey = placesCall(request) && (await hasKeyInBody(request));
      if (placesCall(request) && !hasOwnKey && !request.headers.has(IDEMPOTENCY_KEY)) {
        request.headers.set(IDEMPOTENCY_KEY, crypto.randomUUID());
      }
      const limit = hasOwnKey || isRepeatable(request) ? attempts : 1;
      for (let attempt = 1; ; attempt++) {
        const sent = new Request(request.clone(), { signal });
        const answer = await send(sent).catch((error: unknown) => {
          if (attempt >= limit || signal.aborted) throw error;
          return undefined;
        });
        if (answer && (attempt >= limit || !PASSING.has(answer.status))) return answer;
        await answer?.body?.cancel();
        await wait(waitBefore(attempt, answer), signal);
      }
    },
  });
}

/** A request that was answered, and not with what was asked for. */
export class CallwireApiError extends Error {
  /** What to decide by; `unknown` where something else than Callwire answered. */
  readonly code: ApiErrorCode | 'unknown';
  readonly status: number;
  readonly details: ApiErrorDetails | undefined;
  /** Stands in Callwire's log. */
  readonly requestId: string | null;

  constructor(body: unknown, response: Response) {
    const error = isErrorBody(body) ? body.error : undefined;
    super(error?.message ?? `The answer is ${response.status} and not one of Callwire.`);
    this.name = 'CallwireApiError';
    this.code = error?.code ?? 'unknown';
    this.status = response.status;
    this.details = error?.details;
    this.requestId = response.headers.get('x-request-id');
  }
}

/** The data of an answer, where errors are to be thrown: as {@link CallwireApiError}. */
export async function dataOf<T>(
  answer: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<T> {
  const { data, error, response } = await answer;
  if (error !== undefined || !response.ok) throw new CallwireApiError(error, response);
  return data as T;
}

/**
 * Places a call, once for each key in 24 hours: whoever asks again with the same key and the same
 * body gets the same call, whatever happened to the first request, to its answer or to your program.
 *
 * @throws CallwireApiError `idempotency_conflict` where the key has made a call of another body, and
 * what the dial gate refuses: `suppressed`, `consent_required`, `outside_calling_hours` …
 */
export async function placeCall(
  client: CallwireClient,
  call: NewCall & { idempotencyKey: string },
  { signal }: { signal?: AbortSignal } = {},
): Promise<Call> {
  const answer = client.POST('/v1/calls', { body: call, ...(signal && { signal }) });
  return (await dataOf(answer)).call;
}

export interface WaitOptions {
  /** `completed` is when the transcript has been read, too, and `outcome` is known. Default: `ended`. */
  until?: 'ended' | 'completed';
  /** Default: an hour. */
  timeoutMs?: number;
  /** How often to look. Default: every second. */
  everyMs?: number;
  signal?: AbortSignal;
}

/**
 * Looks at a call until it is over. For a program that does nothing else meanwhile; a backend is told
 * by events (docs/webhooks.md).
 *
 * @throws The signal's reason; a `TimeoutError` when the time is over.
 */
export async function waitForCall(
  client: CallwireClient,
  id: string,
  { until = 'ended', timeoutMs = 3_600_000, everyMs = 1_000, signal: given }: WaitOptions = {},
): Promise<Call> {
  const limit = AbortSignal.timeout(timeoutMs);
  const signal = given ? AbortSignal.any([given, limit]) : limit;
  for (;;) {
    const answer = client.GET('/v1/calls/{id}', { params: { path: { id } }, signal });
    const { call } = await dataOf(answer);
    if (until === 'ended' ? call.status === 'ended' : call.outcome !== null) return call;
    await wait(everyMs, signal);
  }
}

const IDEMPOTENCY_KEY = 'idempotency-key';

function placesCall({ method, url }: Request): boolean {
  return method === 'POST' && new URL(url).pathname.endsWith('/calls');
}

async function hasKeyInBody(request: Request): Promise<boolean> {
  const body: unknown = await request
    .clone()
    .json()
    .catch(() => null);
  return Boolean((body as { idempotencyKey?: unknown } | null)?.idempotencyKey);
}

function isRepeatable({ method, url, headers }: Request): boolean {
  if (method === 'GET' || method === 'DELETE' || headers.has(IDEMPOTENCY_KEY)) return true;
  return method === 'POST' && new URL(url).pathname.endsWith('/end');
}

/** As long as the answer asks for, else twice as long each time, half of it by chance. */
function waitBefore(attempt: number, answer: Response | undefined): number {
  const asked = Number(answer?.headers.get('retry-after'));
  if (asked > 0) return asked * 1_000;
  return FIRST_WAIT_MS * 2 ** (attempt - 1) * (0.5 + Math.random());
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const give = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', give);
      resolve();
    }, ms);
    if (signal.aborted) give();
    else signal.addEventListener('abort', give, { once: true });
  });
}

function isErrorBody(body: unknown): body is ApiErrorBody {
  const error = (body as ApiErrorBody | null | undefined)?.error;
  return typeof error?.code === 'string' && typeof error.message === 'string';
}
