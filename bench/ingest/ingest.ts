import { besideBareApi } from '../api_under_load.ts';
import type { Measurement } from '../measurement.ts';

const RATE = 500;

/**
 * Webhooks of other platforms, beside a Fastify route that does nothing with them but one durable insert.
 * Ours does the same durably, and all that follows of it: the call, its events, the jobs behind them.
 */
export const ingest: Measurement = {
  name: 'ingest',
  about: `${RATE} webhooks of other platforms a second, beside a Fastify route with one durable insert`,
  run: async (options) => [
    await besideBareApi(
      {
        name: 'ingest',
        what: `a webhook's answer at ${RATE} a second: p99, to that of one durable insert`,
        path: '/api/calls/webhook',
        status: 200,
        rate: RATE,
        bodies: new URL('./webhook_bodies.ts', import.meta.url),
        settings: {},
      },
      options,
    ),
  ],
};
