import { z } from 'zod';
import type { ApiApp } from '../api_app.ts';
import type { ApiOptions } from '../api_options.ts';
import { readinessOf } from '../readiness.ts';
import { ErrorAnswer } from '../wire.ts';

const Readiness = z.object({
  status: z.enum(['ready', 'not_ready']),
  checks: z.record(z.string(), z.looseObject({ ok: z.boolean(), error: z.string().optional() })),
});

/** For those who run it: probes and metrics. */
export function operationRoutes(
  app: ApiApp,
  { readiness, metrics, metricsOpen }: ApiOptions,
): void {
  const tags = ['Operations'];
  const judge = readinessOf(readiness);

  app.get(
    '/healthz',
    {
      config: { access: 'public' },
      schema: {
        operationId: 'getHealth',
        summary: 'Whether the process answers',
        tags,
        response: { 200: z.object({ status: z.literal('ok') }), default: ErrorAnswer },
      },
    },
    () => ({ status: 'ok' as const }),
  );

  app.get(
    '/readyz',
    {
      config: { access: 'public' },
      schema: {
        operationId: 'getReadiness',
        summary: 'Whether it can do its work: database, deliveries, LiveKit',
        description:
          'How long the oldest delivery waits that an active endpoint is to get is shown and never makes it unready: an endpoint that is down must not take out a worker that answers calls.',
        tags,
        response: { 200: Readiness, 503: Readiness, default: ErrorAnswer },
      },
    },
    async (_request, reply) => {
      const { ready, checks } = await judge();
      const status = ready ? ('ready' as const) : ('not_ready' as const);
      return reply.code(ready ? 200 : 503).send({ status, checks });
    },
  );

  app.get(
    '/metrics',
    {
      config: { access: metricsOpen ? 'public' : 'any_key' },
      schema: {
        operationId: 'getMetrics',
        summary: 'Metrics for Prometheus',
        description: 'Needs a key of any scope, unless METRICS_OPEN is on.',
        tags,
        response: {
          200: {
            description: 'The Prometheus text format.',
            content: { 'text/plain': { schema: z.string() } },
          },
          default: ErrorAnswer,
        },
      },
    },
    async (_request, reply) =>
      reply
        .type(metrics.contentType)
        .serializer(String)
        .send(await metrics.text()),
  );
}
