import fastifyRateLimit from '@fastify/rate-limit';
import type { ApiApp } from './api_app.ts';
import { ApiError } from './api_error.ts';

export interface RateLimits {
  /** Requests a minute and key; 0 = no limit. */
  writesPerMinute: number;
  readsPerMinute: number;
}

/**
 * Counts the requests of each key, those that read and those that write apart, over all routes.
 * Every counted answer says what is left (`X-RateLimit-Limit`, `-Remaining`, `-Reset` in seconds).
 * In memory: a restart forgives, and several machines count for themselves.
 */
export async function installRateLimit(app: ApiApp, limits: RateLimits): Promise<void> {
  await app.register(fastifyRateLimit, { global: false });
  const limiter = (max: number) =>
    app.createRateLimit({
      max,
      timeWindow: 60_000,
      keyGenerator: (request) => request.caller?.keyId ?? '',
    });
  const [reads, writes] = [limiter(limits.readsPerMinute), limiter(limits.writesPerMinute)];

  app.addHook('onRequest', async (request, reply) => {
    if (!request.caller) return;
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if ((isRead ? limits.readsPerMinute : limits.writesPerMinute) === 0) return;
    const count = await (isRead ? reads : writes)(request);
    // Only callers on an allow list, of which there is none.
    if (count.isAllowed) return;
    void reply.headers({
      'x-ratelimit-limit': count.max,
      'x-ratelimit-remaining': count.remaining,
      'x-ratelimit-reset': count.ttlInSeconds,
    });
    if (!count.isExceeded) return;
    throw new ApiError(
      'rate_limited',
      `More than ${count.max} ${isRead ? 'reads' : 'writes'} a minute with this key.`,
      { headers: { 'retry-after': String(count.ttlInSeconds) } },
    );
  });
}
