import { Agent, errors, request } from 'undici';
import { CallwireError } from '../errors.ts';
import { draftEvent } from '../events/catalogue.ts';
import { signRequest } from '../events/signatures.ts';
import { derivedId } from '../ids.ts';
import type { Append, AttemptRecord, ClaimedJob } from '../store/store.ts';
import { readAnswer } from './answer_body.ts';
import { metadataSafeLookup, refuseMetadataLiteral } from './dialled_address.ts';
import { type Destination, endpointIdOf, type WebhookEndpoint } from './endpoint.ts';
import type { AttemptOutcome, JobHandler } from './job_handler.ts';
import { BUSY_WAIT_MS, parseRetryAfter } from './retry_schedule.ts';
import { TargetHealth } from './target_health.ts';
import { USER_AGENT } from './user_agent.ts';

export interface WebhookHandlerOptions {
  /** The endpoint with this id, `null` where it is no more. */
  endpoints: (endpointId: string) => WebhookEndpoint | null;
  /** From the first byte dialled to the last byte read (Default: 15 s) */
  deadlineMs?: number;
  /** How long a delivery without a secret waits before it looks again (Default: 15 s) */
  holdMs?: number;
  /** Sockets to one origin; below the loop's concurrency, attempts would wait for one (Default: 64) */
  connections?: number;
  /** The wall clock, milliseconds (Default: `Date.now`) */
  clock?: () => number;
}

/** These tell of delivery itself; giving one up must not cause another. */
const ABOUT_DELIVERY = new Set(['delivery.exhausted', 'endpoint.disabled']);

/**
 * Posts one event to one endpoint: the stored bytes, signed anew. The status decides, as soon as
 * it is there: any 2xx is success, a redirect is a failure like any other (following it would hand
 * a signed event to a host that nobody configured).
 */
export class WebhookHandler implements JobHandler {
  readonly kind = 'webhook';
  /** By endpoint and path: `/webhooks/call` may work while `/webhooks/crm` does not. */
  readonly health = new TargetHealth();
  readonly #endpoints: WebhookHandlerOptions['endpoints'];
  readonly #deadlineMs: number;
  readonly #holdMs: number;
  readonly #clock: () => number;
  readonly #agent: Agent;

  constructor(options: WebhookHandlerOptions) {
    this.#endpoints = options.endpoints;
    this.#deadlineMs = options.deadlineMs ?? 15_000;
    this.#holdMs = options.holdMs ?? 15_000;
    this.#clock = options.clock ?? Date.now;
    this.#agent = new Agent({
      connections: options.connections ?? 64,
      pipelining: 1,
      // One stalled HTTP/2 session would hold up every delivery to its origin.
      allowH2: false,
      // The one deadline covers these; theirs would be a second opinion, and a coarser one.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: this.#deadlineMs, lookup: metadataSafeLookup },
    });
  }

  async attempt(job: ClaimedJob, signal: AbortSignal): Promise<AttemptOutcome> {
    const at = this.#clock();
    const { event } = job;
    const endpoint = this.#endpoints(endpointIdOf(job.target));
    if (!event) return final(at, 'no_event');
    if (!endpoint) return final(at, 'unknown_endpoint');
    const destination = endpoint.destination(event.type);
    if (destination.status === 'hold') return hold(at, destination.reason, this.#holdMs);

    const key = `${endpoint.id} ${destination.url.origin}${destination.url.pathname}`;
    const outcome = await this.#post(job, event, destination, at, signal);
    if (outcome.verdict.kind === 'success') this.health.succeeded(key, at);
    else if (outcome.verdict.kind !== 'hold') {
      this.health.failed(key, at, outcome.attempt.error ?? 'unknown');
    }
    return outcome;
  }

  result(job: ClaimedJob, outcome: AttemptOutcome, end: 'done' | 'exhausted'): Append | null {
    if (end === 'done' || !job.event || ABOUT_DELIVERY.has(job.event.type)) return null;
    const type = 'delivery.exhausted';
    const draft = draftEvent(
      type,
      {
        endpoint_id: endpointIdOf(job.target),
        delivery_id: job.id,
        event_id: job.event.id,
        event_type: job.event.type,
        attempts: job.attempt,
        last_status: outcome.attempt.status,
        last_error: outcome.attempt.error,
      },
      // Of the job, not new: a settlement that is repeated after a crash says it once.
      { id: derivedId('evt', job.createdAt, `${job.id} ${type}`), time: this.#clock() },
    );
    return { callId: null, events: [draft] };
  }

  /** Drops idle connections. Call it once the loop has stopped. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #post(
    job: ClaimedJob,
    event: NonNullable<ClaimedJob['event']>,
    destination: Extract<Destination, { status: 'ready' }>,
    at: number,
    shutdown: AbortSignal,
  ): Promise<AttemptOutcome> {
    const started = performance.now();
    const record = (attempt: Partial<AttemptRecord>): AttemptRecord => ({
      at,
      durationMs: Math.round(performance.now() - started),
      status: null,
      error: null,
      response: null,
      ...attempt,
    });
    const headers = {
      'Content-Type': 'application/json',
      'User-Agent': USER_AGENT,
      ...signRequest({
        families: destination.families,
        secrets: destination.secrets,
        eventId: event.id,
        deliveryId: job.id,
        timestampInSeconds: Math.floor(at / 1000),
        body: event.body,
      }),
    };
    const deadline = AbortSignal.timeout(this.#deadlineMs);
    try {
      refuseMetadataLiteral(destination.url);
      const answer = await request(destination.url, {
        dispatcher: this.#agent,
        method: 'POST',
        signal: AbortSignal.any([shutdown, deadline]),
        headers,
        body: event.body,
      });
      const status = answer.statusCode;
      const response = await readAnswer(answer.body);
      if (status >= 200 && status < 300) {
        return { attempt: record({ status, response }), verdict: { kind: 'success' } };
      }
      const error = status >= 300 && status < 400 ? 'redirect' : 'status';
      const retryAfterMs = parseRetryAfter(answer.headers['retry-after'], this.#clock());
      return {
        attempt: record({ status, error, response }),
        verdict: {
          kind: 'retry',
          ...(status === 429 && { notBeforeMs: BUSY_WAIT_MS }),
          ...(retryAfterMs !== undefined && { retryAfterMs }),
        },
      };
    } catch (error) {
      if (shutdown.aborted) return hold(at, 'aborted', 0);
      const code = deadline.aborted ? 'timeout' : errorCode(error);
      return {
        attempt: record({ error: code }),
        verdict: { kind: 'retry', ...(code === 'timeout' && { notBeforeMs: BUSY_WAIT_MS }) },
      };
    }
  }
}

function hold(at: number, reason: string, forMs: number): AttemptOutcome {
  return {
    attempt: { at, durationMs: 0, status: null, error: reason, response: null },
    verdict: { kind: 'hold', untilMs: at + forMs },
  };
}

function final(at: number, error: string): AttemptOutcome {
  return {
    attempt: { at, durationMs: 0, status: null, error, response: null },
    verdict: { kind: 'final' },
  };
}

function errorCode(error: unknown): string {
  if (error instanceof CallwireError && error.code === 'DELIVERY_ADDRESS_REFUSED') {
    return 'address_refused';
  }
  return error instanceof errors.ConnectTimeoutError ? 'timeout' : 'connection';
}
