import { timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { ApiKeyStore, ApiScope } from '../store/endpoint_store.ts';
import type { ApiApp } from './api_app.ts';
import { ApiError } from './api_error.ts';
import { hashApiKey, looksLikeApiKey } from './api_key.ts';

/**
 * Who may use a route: everybody, whoever has any key, the keys of one scope, or (`signed`) whoever
 * signs the body as the route itself checks it.
 */
export type Access = 'public' | 'signed' | 'any_key' | ApiScope;

/** The key that a request came with. */
export interface Caller {
  /** `key_…`; `env` for API_KEY. */
  keyId: string;
  scopes: readonly ApiScope[];
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Every route says it: one that does not stops the start. */
    access?: Access;
  }
  interface FastifyRequest {
    /** `null` where no key is asked for. */
    caller: Caller | null;
  }
}

/** API_KEY's: there is no record of it. */
const ENVIRONMENT: Caller = { keyId: 'env', scopes: ['admin'] };

interface Keys {
  keys: Pick<ApiKeyStore, 'findApiKey'>;
  apiKey: string | undefined;
}

/** Tells whose key a request came with; `null` where it is unknown or was revoked. */
function keyFinder({ keys, apiKey }: Keys): (key: string) => Promise<Caller | null> {
  const environmentHash = apiKey === undefined ? null : Buffer.from(hashApiKey(apiKey));

  return async (key) => {
    const hash = hashApiKey(key);
    if (environmentHash && timingSafeEqual(Buffer.from(hash), environmentHash)) return ENVIRONMENT;
    if (!looksLikeApiKey(key)) return null;
    // Found by its hash: how long that takes tells nothing of a key.
    const record = await keys.findApiKey(hash);
    return record && { keyId: record.id, scopes: record.scopes };
  };
}

/**
 * For a route that takes other proofs as well (`signed`): whether the request came with a key that may
 * use it.
 */
export function keyCheck(
  scope: ApiScope,
  options: Keys,
): (headers: IncomingHttpHeaders) => Promise<boolean> {
  const findCaller = keyFinder(options);
  return async (headers) => {
    const key = keyOf(headers);
    const caller = key === null ? null : await findCaller(key);
    return caller !== null && mayUse(caller, scope);
  };
}

/** Answers 401 and 403 before a body is read. */
export function installAccess(app: ApiApp, options: Keys): void {
  const findCaller = keyFinder(options);
  app.decorateRequest('caller', null);
  app.addHook('onRoute', ({ url, config }) => {
    if (!config?.access) throw new Error(`the route ${url} does not say who may use it`);
  });
  app.addHook('onRequest', async (request) => {
    const access = request.routeOptions.config.access;
    if (request.is404 || access === undefined || isKeyless(access)) return;
    const key = keyOf(request.headers);
    const caller = key === null ? null : await findCaller(key);
    if (!caller) {
      throw new ApiError(
        'unauthorized',
        key === null
          ? 'A key is needed: Authorization: Bearer <key>, or X-API-Key.'
          : 'This key is unknown or was revoked.',
        { headers: { 'www-authenticate': 'Bearer' } },
      );
    }
    if (access !== 'any_key' && !mayUse(caller, access)) {
      throw new ApiError('forbidden', `This needs a key with the scope ${access}.`, {
        details: { scope: access },
      });
    }
    request.caller = caller;
  });
}

/** Whether no key is asked for. */
export function isKeyless(access: Access): access is 'public' | 'signed' {
  return access === 'public' || access === 'signed';
}

/** `admin` may do everything. */
function mayUse({ scopes }: Caller, scope: ApiScope): boolean {
  return scopes.includes(scope) || scopes.includes('admin');
}

function keyOf(headers: IncomingHttpHeaders): string | null {
  const [, token] = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '') ?? [];
  if (token !== undefined) return token;
  const key = headers['x-api-key'];
  return typeof key === 'string' && key !== '' ? key : null;
}
