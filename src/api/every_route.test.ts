import { describe, expect, it } from 'vitest';
import { MAX_BODY_BYTES } from './json_body.ts';
import { type TestApi, testApi } from './testing/test_api.ts';

/* What holds of every route there is: the list comes from the API's own description. */

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

const guarded = (api: TestApi) => routesOf(api).filter(({ scope }) => scope !== undefined);
const SCOPES = ['calls:write', 'calls:read', 'webhooks', 'ingest'] as const;
const error = (code: string) => ({ error: { code, message: expect.any(String) } });

describe('every route', () => {
  it('is described, and all but probes and what LiveKit signs need a key', async () => {
    const api = await testApi();
    const open = routesOf(api).filter(({ scope }) => scope === undefined);
    expect(open.map(({ url }) => url).sort()).toEqual([
      '/healthz',
      '/livekit/webhook',
      '/metrics',
      '/readyz',
    ]);
    expect(guarded(api).length).toBeGreaterThan(20);
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
      ['application/json', JSON.stringify('x'.repeat(MAX_BODY_BYTES)), 413],
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
      if (url.includes('made_up') || url === '/v1/agents') continue;
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
    for (const { method, url } of guarded(api)) {
      const alias = `/api/v1/public${url.slice('/v1'.length)}`;
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
