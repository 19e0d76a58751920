import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { JobHandler } from '../delivery/job_handler.ts';
import type { DeliveryStore } from '../store/store.ts';
import type { ApiApp } from './api_app.ts';

/** What `/metrics` says (docs/metrics.md shows it, docs/grafana.json draws it), and where the worker reports to. */
export interface Metrics {
  /** In Prometheus' text format. Rejects where a number cannot be asked for. */
  text(): Promise<string>;
  readonly contentType: string;
  /** Those of Callwire itself, for docs/metrics.md. */
  readonly described: readonly { name: string; type: string; help: string }[];
  requestAnswered(request: {
    method: string;
    route: string;
    status: number;
    seconds: number;
  }): void;
  /** A request to the door for other platforms. */
  ingested(request: { platform: string | null; outcome: string }): void;
  /** The same handler, its attempts counted by outcome. */
  counted(handler: JobHandler): JobHandler;
}

const PLATFORMS: ReadonlySet<string> = new Set([
  'retell',
  'vapi',
  'bland',
  'elevenlabs',
  'generic',
]);

export function createMetrics(sources: {
  store: Pick<DeliveryStore, 'deliveryBacklog'>;
  /** Calls of this worker that go on. */
  liveCalls: () => number;
}): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  const requests = new Histogram({
    name: 'callwire_http_request_seconds',
    help: 'Requests to the HTTP API: how long they took, by method, route and status.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
    registers,
  });
  const attempts = new Counter({
    name: 'callwire_delivery_attempts_total',
    help: 'Attempts to deliver, by kind (webhook, crm_write, end_hook; dial, completion, recording, follow_up) and outcome (success, retry, final, hold).',
    labelNames: ['kind', 'outcome'],
    registers,
  });
  const ingested = new Counter({
    name: 'callwire_ingest_requests_total',
    help: 'Webhooks of other platforms, by platform and outcome (report, question, unauthorized, invalid, failed).',
    labelNames: ['platform', 'outcome'],
    registers,
  });
  new Gauge({
    name: 'callwire_calls_live',
    help: 'Calls of this worker that go on.',
    registers,
    collect() {
      this.set(sources.liveCalls());
    },
  });
  const oldest = new Gauge({
    name: 'callwire_deliveries_oldest_waiting_seconds',
    help: 'Age of the oldest delivery that waits, 0 with none; those of paused and disabled endpoints do not count.',
    registers,
  });
  const waitingNow = new Gauge({
    name: 'callwire_deliveries_waiting',
    help: 'Deliveries and CRM writes that wait: for their time, or for a paused or disabled endpoint.',
    registers,
  });

  return {
    text: async () => {
      // Not in a gauge's `collect`: one that sets the other comes too late for the same scrape.
      const { waiting, oldestAt } = await sources.store.deliveryBacklog();
      waitingNow.set(waiting);
      oldest.set(oldestAt === null ? 0 : Math.max(0, (Date.now() - oldestAt) / 1_000));
      return await registry.metrics();
    },
    contentType: registry.contentType,
    described: registry
      .getMetricsAsArray()
      .filter(({ name }) => name.startsWith('callwire_'))
      .map(({ name, type, help }) => ({ name, type: String(type), help })),
    requestAnswered: ({ method, route, status, seconds }) =>
      requests.observe({ method, route, status }, seconds),
    ingested: ({ platform, outcome }) =>
      // A name that the sender chooses would make a series of its own.
      ingested.inc({
        platform: PLATFORMS.has(platform ?? '') ? (platform ?? '') : 'other',
        outcome,
      }),
    counted: (handler) => ({
      kind: handler.kind,
      ...(handler.schedule && { schedule: handler.schedule }),
      ...(handler.lanes !== undefined && { lanes: handler.lanes }),
      attempt: async (job, signal) => {
        const outcome = await handler.attempt(job, signal);
        attempts.inc({ kind: job.kind, outcome: outcome.verdict.kind });
        return outcome;
      },
      result: (job, outcome, end) => handler.result(job, outcome, end),
    }),
  };
}

/** By the route's pattern, never by the path: that would make a series of every id, and of every guess. */
export function installRequestMetrics(app: ApiApp, metrics: Metrics): void {
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.is404 ? 'none' : (request.routeOptions.url ?? 'none');
    const seconds = reply.elapsedTime / 1_000;
    metrics.requestAnswered({ method: request.method, route, status: reply.statusCode, seconds });
    request.log.debug(
      {
        reqId: request.id,
        method: request.method,
        route,
        status: reply.statusCode,
        key: request.caller?.keyId,
      },
      'request answered',
    );
    done();
  });
}
