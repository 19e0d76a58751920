import { isKeyless } from './access.ts';
import type { ApiApp } from './api_app.ts';
import { ApiError } from './api_error.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

/**
 * Answers 405 where a path exists without the method; Fastify alone says 404. Call it before the
 * routes are made; the returned function, called behind them, completes every path.
 */
export function watchAllowedMethods(app: ApiApp): () => void {
  const paths = new Map<string, { methods: Set<string>; isPublic: boolean }>();
  let complete = false;
  app.addHook('onRoute', ({ url, method, config }) => {
    if (complete) return;
    const path = paths.get(url) ?? { methods: new Set(), isPublic: false };
    for (const name of [method].flat()) path.methods.add(name);
    path.isPublic ||= config?.access !== undefined && isKeyless(config.access);
    paths.set(url, path);
  });
  return () => {
    complete = true;
    for (const [url, { methods, isPublic }] of paths) {
      const missing = METHODS.filter((method) => !methods.has(method));
      if (missing.length === 0) continue;
      const allow = METHODS.filter((method) => methods.has(method)).join(', ');
      app.route({
        method: missing,
        url,
        config: { access: isPublic ? 'public' : 'any_key' },
        schema: { hide: true },
        // Before the body: whether that could be read is beside the point.
        onRequest: () =>
          Promise.reject(
            new ApiError('method_not_allowed', `Here is only ${allow}.`, { headers: { allow } }),
          ),
        handler: () => undefined,
      });
    }
  };
}
