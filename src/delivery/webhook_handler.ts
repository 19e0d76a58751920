import { Agent, errors } from 'undici';
import { isCallwireError } from '../errors.ts';
import { draftEvent } from '../events/catalogue.ts';
import { signRequest } from '../events/signatures.ts';
import { derivedId } from '../ids.ts';
import { isMadeEndpoint } from '../store/default_endpoint.ts';
import type { Append, AttemptRecord, ClaimedJob } from '../store/store.ts';
import { type Destination, endpointIdOf, type WebhookEndpoint } from './endpoint.ts';
import { guardedConnector, type Resolve } from './guarded_connector.ts';
import type { AttemptOutcome, JobHandler } from './job_handler.ts';
import { post } from './post.ts';
import { createProxyTunnel } from './proxy_tunnel.ts';
import { guardedReach, OPERATOR_REACH, type Reach } from './reach.ts';
import { BUSY_WAIT_MS, parseRetryAfter } from './retry_schedule.ts';
import { TargetHealth } from './target_health.ts';
import { USER_AGENT } from './user_agent.ts';

export interface WebhookHandlerOptions {
  /** The endpoint with this id, `null` where it is no more. */
  endpoints: (endpointId: string) => WebhookEndpoint | null | Promise<WebhookEndpoint | null>;
  /** Networks (CIDR) that endpoints made by the API may be in, see `guardedReach` (Default: none) */
  allowNetworks?: readonly string[];
  /** The proxy's URL; public addresses are reached through it (Default: none) */
  proxy?: string | undefined;
  /** From the first byte dialled to the last byte read (Default: 15 s) */
  deadlineMs?: number;
  /** How long a delivery that cannot be tried (no secret, the proxy is down) waits before it looks again (Default: 15 s) */
  holdMs?: number;
  /** Looks names up, for tests (Default: the system's resolver) */
  resolve?: Resolve;
  /** The wall clock, milliseconds (Default: `Date.now`) */
  clock?: () => number;
}

/** These tell of delivery itself; giving one up must not cause another. */
const ABOUT_DELIVERY = new Set(['delivery.exhausted', 'endpoint.disabled', 'webhook.test']);

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
  readonly #agents: Record<'operator' | 'guarded', Agent>;

  constructor(options: WebhookHandlerOptions) {
    this.#endpoints = options.endpoints;
    this.#deadlineMs = options.deadlineMs ?? 15_000;
    this.#holdMs = options.holdMs ?? 15_000;
    this.#clock = options.clock ?? Date.now;
    const tunnel = options.proxy ? createProxyTunnel({ proxy: new URL(options.proxy) }) : null;
    // An agent for each reach: one's open connections must not serve the other's requests.
    const agent = (reach: Reach) =>
      new Agent({
        // As many as there are attempts, which the loop limits by target: with a limit by origin, one
        // path that hangs would take the sockets of the others.
        connections: null,
        pipelining: 1,
        allowH2: false,
        // The one deadline covers these; theirs would be a second opinion, and a coarser one.
        headersTimeout: 0,
        bodyTimeout: 0,
        connect: guardedConnector({
          reach,
          timeoutMs: this.#deadlineMs,
          tunnel,
          ...(options.resolve && { resolve: options.resolve }),
        }),
      });
    this.#agents = {
      operator: agent(OPERATOR_REACH),
      guarded: agent(guardedReach(options.allowNetworks)),
    };
  }

  async attempt(job: ClaimedJob, signal: AbortSignal): Promise<AttemptOutcome> {
    const at = this.#clock();
    const { event } = job;
    if (!event) return final(at, 'no_event');
    const endpoint = await this.#endpointOf(job);
    if (endpoint === 'unreadable') return hold(at, 'store', this.#holdMs);
    if (!endpoint) return final(at, 'unknown_endpoint');
    const destination = endpoint.destination(event.type);
    if (destination.status === 'hold') return hold(at, destination.reason, this.#holdMs);

    const key = `${endpoint.id} ${destination.url.origin}${destination.url.pathname}`;
    const outcome = await this.#post(job, event, destination, at, signal);
    // The store knows those of the others.
    if (isMadeEndpoint(job.target)) return outcome;
    if (outcome.verdict.kind === 'success') this.health.succeeded(key, at);
    else if (outcome.verdict.kind !== 'hold') {
      this.health.failed(key, at, outcome.attempt.error ?? 'unknown');
    }
    return outcome;
  }

  result(job: ClaimedJob, outcome: AttemptOutcome, end: 'done' | 'exhausted'): Append | null {
    if (end === 'done' || !job.event || ABOUT_DELIVERY.has(job.event.type)) return null;
    // Deleted while the job was claimed: whoever did it knows.
    if (outcome.attempt.error === 'unknown_endpoint' && isMadeEndpoint(job.target)) return null;
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
    await Promise.all(Object.values(this.#agents).map((agent) => agent.destroy()));
  }

  async #endpointOf(job: ClaimedJob): Promise<WebhookEndpoint | null | 'unreadable'> {
    try {
      return await this.#endpoints(endpointIdOf(job.target));
    } catch {
      return 'unreadable';
    }
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
    // Once, for each signature and for the request.
    const body = Buffer.from(event.body);
    const headers = {
      'Content-Type': 'application/json',
      'User-Agent': USER_AGENT,
      ...signRequest({
        families: destination.families,
        secrets: destination.secrets,
        refusals: job.refusals,
        eventId: event.id,
        deliveryId: job.id,
        timestampInSeconds: Math.floor(at / 1000),
        body,
      }),
    };
    try {
      const answer = await post(this.#agents[destination.reach], {
        url: destination.url,
        headers,
        body,
        deadlineMs: this.#deadlineMs,
        signal: shutdown,
      });
      const { status, text: response } = answer;
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
      const code = errorCode(error);
      // Nothing reached the endpoint: that says nothing of it, and costs it no attempt.
      if (PROXY_FAULTS.has(code)) return hold(at, code, this.#holdMs);
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

/** Codes of an attempt, by those of the errors behind them. */
const ERROR_CODES: Readonly<Record<string, string>> = {
  DELIVERY_TIMEOUT: 'timeout',
  DELIVERY_ADDRESS_REFUSED: 'address_refused',
  DELIVERY_PLAIN_HTTP_REFUSED: 'plain_http_refused',
  DELIVERY_PROXY_UNREACHABLE: 'proxy_unreachable',
  DELIVERY_PROXY_AUTH: 'proxy_auth',
  DELIVERY_PROXY_FAILED: 'proxy_failed',
  DELIVERY_PROXY_REFUSED: 'proxy_refused',
};
const PROXY_FAULTS = new Set(['proxy_unreachable', 'proxy_auth', 'proxy_failed']);

function errorCode(error: unknown): string {
  const code = isCallwireError(error) ? ERROR_CODES[error.code] : undefined;
  if (code !== undefined) return code;
  return error instanceof errors.ConnectTimeoutError ? 'timeout' : 'connection';
}
