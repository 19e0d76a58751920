import { fileURLToPath } from 'node:url';
import { besideBareApi } from '../api_under_load.ts';
import type { Measurement } from '../measurement.ts';

const RATE = 100;
const PROFILES = fileURLToPath(new URL('../../agent/profiles', import.meta.url));

/**
 * `POST /v1/calls`: key, gate, idempotency key, call, event and dial job in one durable append; beside a
 * Fastify route with one durable insert.
 */
export const callsApi: Measurement = {
  name: 'calls-api',
  about: `POST /v1/calls at ${RATE} requests/s, beside a Fastify route with one durable insert`,
  run: async (options) => [
    await besideBareApi(
      {
        name: 'calls-api',
        what: `POST /v1/calls at ${RATE}/s: p99, to that of one durable insert`,
        path: '/v1/calls',
        status: 202,
        rate: RATE,
        bodies: new URL('./call_bodies.ts', import.meta.url),
        settings: {
          AGENTS_DIR: PROFILES,
          SIP_OUTBOUND_ADDRESS: '127.0.0.1:1',
          SIP_CALLER_NUMBER: '+15550105001',
          RATE_LIMIT_WRITES: '0',
          DAILY_CALLS: '1000000',
          CALLING_HOURS: 'off',
        },
      },
      options,
    ),
  ],
};
