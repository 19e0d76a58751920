import { isMadeEndpoint } from '../store/default_endpoint.ts';
import type { Append, ClaimedJob } from '../store/store.ts';
import { endpointIdOf, type WebhookEndpoint } from './endpoint.ts';
import { exhausted } from './exhausted.ts';
import type { Resolve } from './guarded_connector.ts';
import type { AttemptOutcome, JobHandler } from './job_handler.ts';
import { createReachAgents, type ReachAgents } from './reach_agents.ts';
import { final, hold, sendSigned } from './send_signed.ts';
import { TargetHealth } from './target_health.ts';

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
  readonly #agents: ReachAgents;

  constructor(options: WebhookHandlerOptions) {
    this.#endpoints = options.endpoints;
    this.#deadlineMs = options.deadlineMs ?? 15_000;
    this.#holdMs = options.holdMs ?? 15_000;
    this.#clock = options.clock ?? Date.now;
    this.#agents = createReachAgents({ ...options, connectTimeoutMs: this.#deadlineMs });
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
    const outcome = await sendSigned(this.#agents, {
      destination,
      // Once, for each signature and for the request.
      body: Buffer.from(event.body),
      messageId: event.id,
      deliveryId: job.id,
      refusals: job.refusals,
      at,
      deadlineMs: this.#deadlineMs,
      holdMs: this.#holdMs,
      signal,
    });
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
    return exhausted(job, {
      endpointId: endpointIdOf(job.target),
      event: job.event,
      attempt: outcome.attempt,
      time: this.#clock(),
    });
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
}
