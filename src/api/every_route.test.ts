import { describe, expect, it } from 'vitest';
import { MAX_BODY_BYTES, MAX_CALL_BODY_BYTES } from './json_body.ts';
import { type TestApi, testApi } from './testing/test_api.ts';

/*
 * What holds of every route there is, also of those that are yet to be written: the list comes from
 * the API's own description, and the first test holds that against the router.
 */

interface Route {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  url: string;
  scope: string | undefined;
  takesBody: boolean;
}

function routesOf({ app }: TestApi): Route[] {
  const { paths = {} } = app.swagger() as {
    paths?: Record<string, Record<string, { description?: string; requestBody?: unknown }>>;
  };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { description, requestBody }]) => ({
      method: method.toUpperCase() as Route['method'],
      url: path.replaceAll('{id}', 'made_up'),
      scope: /Scope: `([a-z:]+)`/.exec(description ?? '')?.[1],
      takesBody: requestBody !== undefined,
    })),
  );
}

const ALIAS = '/api/v1/public';
/** For browsers and generators of clients; they describe the API and hold nothing of it. */
const UNDESCRIBED = ['/', '/docs', '/docs/', '/openapi.json'];

/** As the router has them, ids and all: it prints them as a tree. */
function pathsOf({ app }: TestApi): string[] {
  const branch: string[] = [];
  return app
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .flatMap((line) => {
      const [, indent = '', path] = /^([│ ]*)[├└]── (\S+) \(/.exec(line) ?? [];
      if (path === undefined) return [];
      branch.splice(indent.length / 4, Number.POSITIVE_INFINITY, path);
      return [branch.join('').replaceAll(':id', 'made_up')];
    });
}

/** Every route that asks for a scope, and each once more under its alias. */
function guarded(api: TestApi): Route[] {
  const described = routesOf(api).filter(({ scope }) => scope !== undefined);
  const aliases = described.map((route) => ({ ...route, url: aliasOf(route.url) }));
  return [...described, ...aliases];
}

function aliasOf(url: string): string {
  return `${ALIAS}${url.slice('/v1'.length)}`;
}

const SCOPES = ['calls:write', 'calls:read', 'webhooks', 'ingest'] as const;
const error = (code: string) => ({ error: { code, message: expect.any(String) } });

describe('every route', () => {
  it('is described, and all but probes, what others sign and signed URLs need a key', async () => {
    const api = await testApi();
    const open = routesOf(api).filter(({ scope }) => scope === undefined);
    expect(open.map(({ url }) => url).sort()).toEqual([
      '/api/calls/webhook',
      '/healthz',
      '/livekit/webhook',
      '/metrics',
      '/readyz',
      '/v1/recordings/made_up',
    ]);
    const described = routesOf(api).map(({ url }) => url);
    const aliases = described.filter((url) => url.startsWith('/v1/')).map(aliasOf);
    const known = new Set([...described, ...aliases, ...UNDESCRIBED]);
    expect(new Set(pathsOf(api))).toEqual(known);
    expect(known.size).toBeGreaterThan(40);
  });

  it('answers 401 without a key and with a wrong one, before it looks at the body', async () => {
    const api = await testApi();
    const revoked = await api.makeKey('admin');
    const [record] = await api.store.listApiKeys();
    await api.store.revokeApiKey(record!.id);
    for (const { method, url } of [...guarded(api), { method: 'GET', url: '/metrics' } as const]) {
      for (const key of [null, 'wrong', `cwk_${'x'.repeat(43)}`, revoked]) {
        const body = method === 'GET' ? undefined : { garbage: true };
        const answer = await api.request(method, url, { key, body });
        expect({ method, url, ...answer }).toMatchObject({
          status: 401,
          body: error('unauthorized'),
          headers: { 'www-authenticate': 'Bearer' },
        });
      }
    }
  });

  it('answers 403 to a key with every scope but its own, and to its own something else', async () => {
    const api = await testApi();
    for (const { method, url, scope } of guarded(api)) {
      const others = SCOPES.filter((other) => other !== scope);
      const wrong = await api.makeKey(...others);
      const body = method === 'GET' ? undefined : {};
      expect({ url, ...(await api.request(method, url, { key: wrong, body })) }).toMatchObject({
        status: 403,
        body: { error: { code: 'forbidden', details: { scope } } },
      });
      const right = await api.makeKey(scope as 'webhooks');
      const { status } = await api.request(method, url, { key: right, body });
      expect({ url, status }).not.toMatchObject({ status: 403 });
    }
  });

  it('survives garbage for a body, and says so in one shape', async () => {
    const api = await testApi();
    const garbage: [type: string, payload: string, status: number][] = [
      ['application/json', '{"name": ', 400],
      ['application/json', '\u0000\u0001', 400],
      ['application/xml', '<name/>', 415],
      ['text/plain', 'name', 415],
      ['application/x-www-form-urlencoded', 'name=x', 415],
      ['application/json', JSON.stringify('x'.repeat(MAX_CALL_BODY_BYTES)), 413],
    ];
    for (const { method, url } of guarded(api).filter((route) => route.method !== 'GET')) {
      for (const [type, payload, status] of garbage) {
        const answer = await api.request(method, url, {
          body: payload,
          headers: { 'content-type': type },
        });
        expect({ method, url, type, ...answer }).toMatchObject({
          status,
          body: { error: { code: expect.stringMatching(/^[a-z_]+$/) } },
        });
      }
    }
  });

  it('refuses a body that lies too deep to be read, before anything goes down into it', async () => {
    const api = await testApi();
    const deep = (open: string, close: string) => open.repeat(10_000) + close.repeat(10_000);
    const bodies = [
      deep('[', ']'),
      `{"variables":${deep('{"a":', '}').replace(':}', ':1}')}}`,
      `{"metadata":{"a":${deep('[', ']')}},"unknown":${deep('[', ']')}}`,
    ];
    for (const { method, url } of guarded(api).filter((route) => route.method !== 'GET')) {
      for (const body of bodies) {
        const headers = { 'content-type': 'application/json' };
        expect({
          method,
          url,
          ...(await api.request(method, url, { body, headers })),
        }).toMatchObject({ status: 400, body: error('invalid_request') });
      }
    }
  });

  it('looks at no body where none belongs', async () => {
    const api = await testApi();
    for (const { method, url } of guarded(api).filter((route) => route.method === 'GET')) {
      const { status } = await api.request(method, url);
      for (const body of ['{"name": ', 'x'.repeat(MAX_BODY_BYTES + 1)]) {
        const headers = { 'content-type': 'application/json' };
        expect({ url, ...(await api.request(method, url, { body, headers })) }).toMatchObject({
          status,
        });
      }
    }
  });

  it('refuses a body of the wrong form with 400, by field', async () => {
    const api = await testApi();
    for (const { method, url } of guarded(api).filter(({ takesBody }) => takesBody)) {
      for (const body of ['[]', '7', '"text"', 'true']) {
        const headers = { 'content-type': 'application/json' };
        const answer = await api.request(method, url, { body, headers });
        expect({ method, url, ...answer }).toMatchObject({
          status: 400,
          body: { error: { code: 'invalid_request', details: { issues: [{ field: 'body' }] } } },
        });
      }
    }
  });

  it('knows nothing of an id that was never given', async () => {
    const api = await testApi();
    for (const { method, url, takesBody } of guarded(api)) {
      if (!url.includes('made_up')) continue;
      const answer = await api.request(method, url, takesBody ? { body: {} } : {});
      expect({ method, url, ...answer }).toMatchObject({ status: 404, body: error('not_found') });
    }
  });

  it('refuses a query that makes no sense', async () => {
    const api = await testApi();
    for (const { url } of guarded(api).filter(({ method }) => method === 'GET')) {
      if (url.includes('made_up') || /\/(agents|analytics)$/.test(url)) continue;
      for (const query of ['limit=0', 'limit=many', 'limit=9999']) {
        const answer = await api.request('GET', `${url}?${query}`);
        expect({ url, query, ...answer }).toMatchObject({
          status: 400,
          body: { error: { code: 'invalid_request', details: { issues: [{ field: 'limit' }] } } },
        });
      }
    }
    for (const url of ['/v1/calls', '/v1/webhooks', '/v1/deliveries', '/v1/contacts']) {
      const answer = await api.request('GET', `${url}?cursor=made-up`);
      expect({ url, ...answer }).toMatchObject({ status: 400, body: error('invalid_request') });
    }
  });

  it('answers 405 for other methods, and names those there are', async () => {
    const api = await testApi();
    for (const { url } of routesOf(api)) {
      const answer = await api.request('PUT', url, {
        body: '<xml/>',
        headers: { 'content-type': 'application/xml' },
      });
      expect({ url, ...answer }).toMatchObject({ status: 405, body: error('method_not_allowed') });
      expect(answer.headers.allow).toMatch(/GET|POST|DELETE/);
    }
  });

  it('is the same under /api/v1/public, unless that is switched off', async () => {
    const api = await testApi();
    const closed = await testApi({ publicApi: false });
    for (const { method, url } of guarded(api).filter((one) => one.url.startsWith('/v1/'))) {
      const alias = aliasOf(url);
      const options = method === 'GET' ? {} : { body: {} };
      expect((await api.request(method, alias, options)).status).toBe(
        (await api.request(method, url, options)).status,
      );
      expect(await closed.request(method, alias, options)).toMatchObject({
        status: 403,
        body: error('public_api_disabled'),
      });
      expect((await closed.request(method, url, options)).status).not.toBe(403);
    }
  });
});
