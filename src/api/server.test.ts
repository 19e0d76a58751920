import { createConnection } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { CallwireError } from '../errors.ts';
import { databaseCheck, deliveriesCheck } from './readiness.ts';
import { startApi } from './server.ts';
import { AGENT, API_KEY, testApi } from './testing/test_api.ts';
import { liveCall } from './testing/written_call.ts';

describe('who may come in', () => {
  it('both headers carry a key', async () => {
    const api = await testApi();
    const key = await api.makeKey('calls:read');
    const status = async (headers: Record<string, string>) =>
      (await api.request('GET', '/v1/agents', { key: null, headers })).status;
    expect(await status({ authorization: `Bearer ${key}` })).toBe(200);
    expect(await status({ authorization: `bearer  ${key} ` })).toBe(200);
    expect(await status({ 'x-api-key': key })).toBe(200);
    expect(await status({ 'x-api-key': API_KEY })).toBe(200);
    expect(await status({ authorization: 'Basic made-up', 'x-api-key': key })).toBe(200);
    expect(await status({ authorization: key })).toBe(401);
    expect(await status({ authorization: `Bearer ${key} ${key}` })).toBe(401);
  });

  it('without API_KEY only made keys count, and an empty one never does', async () => {
    const api = await testApi({ apiKey: undefined });
    for (const key of ['', 'undefined', API_KEY]) {
      expect((await api.request('GET', '/v1/agents', { key })).status).toBe(401);
    }
  });

  it('admin may do everything', async () => {
    const api = await testApi();
    const key = await api.makeKey('admin');
    expect((await api.request('GET', '/v1/deliveries', { key })).status).toBe(200);
  });

  it('no key is ever logged', async () => {
    const api = await testApi();
    const key = await api.makeKey('calls:read');
    await api.request('GET', '/v1/agents', { key });
    expect(api.logged.join('')).toContain('/v1/agents');
    expect(api.logged.join('')).not.toContain(key);
    expect(api.logged.join('')).not.toContain(API_KEY);
  });
});

describe('limits', () => {
  it('count reads and writes of each key apart', async () => {
    const api = await testApi({ readsPerMinute: 2, writesPerMinute: 1 });
    const [one, two] = [await api.makeKey('admin'), await api.makeKey('admin')];
    const read = (key: string) => api.request('GET', '/v1/agents', { key });
    const write = (key: string) => api.request('POST', '/v1/contacts', { key, body: {} });
    expect(await read(one)).toMatchObject({
      status: 200,
      headers: {
        'x-ratelimit-limit': '2',
        'x-ratelimit-remaining': '1',
        'x-ratelimit-reset': '60',
      },
    });
    expect((await api.request('GET', '/v1/calls', { key: one })).status).toBe(200);
    expect(await read(one)).toMatchObject({
      status: 429,
      body: { error: { code: 'rate_limited' } },
      headers: { 'retry-after': '60', 'x-ratelimit-remaining': '0' },
    });
    expect((await write(one)).status).toBe(400);
    expect((await write(one)).status).toBe(429);
    expect((await read(two)).status).toBe(200);
  });

  it('are off with 0', async () => {
    const api = await testApi();
    for (let n = 0; n < 20; n++) {
      const answer = await api.request('GET', '/v1/agents');
      expect(answer.status).toBe(200);
      expect(answer.headers).not.toHaveProperty('x-ratelimit-limit');
    }
  });
});

describe('answers', () => {
  it('carry the id of their request, the client’s where it is sane', async () => {
    const api = await testApi();
    const id = async (given?: string) =>
      (await api.request('GET', '/healthz', given ? { headers: { 'x-request-id': given } } : {}))
        .headers['x-request-id'];
    expect(await id('req-7/a')).toBe('req-7/a');
    expect(await id()).toMatch(/^[0-9a-f-]{36}$/);
    expect(await id('two words')).toMatch(/^[0-9a-f-]{36}$/);
    expect(await id('x'.repeat(200))).toMatch(/^[0-9a-f-]{36}$/);
  });

  it.each(['/v1', '/v1/nothing', '/v2/calls', `/v1/calls/${'x'.repeat(150)}`])(
    '%s is not there',
    async (url) => {
      const api = await testApi();
      expect(await api.request('GET', url)).toMatchObject({
        status: 404,
        body: { error: { code: 'not_found' } },
      });
    },
  );

  it.each([undefined, '', ' ', 'null'])(
    'to a body that is %j say that it is empty',
    async (body) => {
      const api = await testApi();
      const headers = { 'content-type': 'application/json' };
      expect(await api.request('POST', '/v1/webhooks', { body, headers })).toMatchObject({
        status: 400,
        body: { error: { message: 'body: is empty, and must be a JSON object' } },
      });
    },
  );

  it('to a URL that cannot be read have the shape of all others', async () => {
    const api = await testApi();
    expect(await api.request('GET', '/v1/calls/%zz')).toMatchObject({
      status: 400,
      body: { error: { code: 'invalid_request' } },
    });
  });

  it('tell nothing of what went wrong inside, which the log does', async () => {
    const api = await testApi({ agents: () => [AGENT] });
    await api.store.close();
    expect(await api.request('GET', '/v1/calls')).toMatchObject({
      status: 503,
      body: { error: { code: 'unavailable' } },
    });
    const broken = await testApi();
    broken.options.store.listCalls = () => Promise.reject(new Error('a made-up secret'));
    const answer = await broken.request('GET', '/v1/calls');
    expect(answer).toMatchObject({ status: 500, body: { error: { code: 'internal_error' } } });
    expect(JSON.stringify(answer.body)).not.toContain('made-up');
    expect(broken.logged.join('')).toContain('made-up');
    expect(broken.logged.join('')).toContain(answer.headers['x-request-id']);
  });

  it('lists the agents', async () => {
    const api = await testApi();
    expect((await api.request('GET', '/v1/agents')).body).toEqual({
      agents: [AGENT],
      nextCursor: null,
    });
  });
});

describe('operations', () => {
  it('health needs no key', async () => {
    const api = await testApi();
    expect(await api.request('GET', '/healthz', { key: null })).toMatchObject({
      status: 200,
      body: { status: 'ok' },
    });
  });

  it('readiness names what is missing', async () => {
    const api = await testApi();
    expect(await api.request('GET', '/readyz', { key: null })).toMatchObject({
      status: 200,
      body: {
        status: 'ready',
        checks: {
          database: { ok: true },
          deliveries: { ok: true, waiting: 0, oldestWaitingSeconds: null },
        },
      },
    });
    const down = () => Promise.reject(new CallwireError('LIVEKIT_UNREACHABLE', 'made up'));
    const broken = await testApi({ readiness: [{ name: 'livekit', check: down }] });
    expect(await broken.request('GET', '/readyz', { key: null })).toMatchObject({
      status: 503,
      body: {
        status: 'not_ready',
        checks: { livekit: { ok: false, error: 'LIVEKIT_UNREACHABLE' } },
      },
    });
  });

  it('is not ready where nothing can be written, though it can be read', async () => {
    const full = new CallwireError('STORE_FULL', 'made up');
    const { store } = await testApi();
    const api = await testApi({ readiness: [databaseCheck(store, () => full)] });
    expect(await api.request('GET', '/readyz', { key: null })).toMatchObject({
      status: 503,
      body: { checks: { database: { ok: false, error: 'STORE_FULL' } } },
    });
  });

  it('is ready however long a delivery waits, and says how long', async () => {
    const oldestAt = Date.now() - 86_400_000;
    const backlog = { deliveryBacklog: () => Promise.resolve({ waiting: 3, oldestAt }) };
    const api = await testApi({ readiness: [deliveriesCheck(backlog)] });
    const { status, body } = await api.request('GET', '/readyz', { key: null });
    expect(status).toBe(200);
    expect(body.checks.deliveries).toMatchObject({ ok: true, waiting: 3 });
    expect(body.checks.deliveries.oldestWaitingSeconds).toBeGreaterThanOrEqual(86_400);
  });

  it('metrics speak of requests by route, of calls and of what waits', async () => {
    const api = await testApi();
    await liveCall(api.store);
    await api.request('GET', '/v1/contacts/con_made_up');
    await api.request('GET', '/made/up');
    const key = await api.makeKey('webhooks');
    const { status, body, headers } = await api.request('GET', '/metrics', { key });
    expect(status).toBe(200);
    expect(headers['content-type']).toContain('text/plain');
    expect(body).toContain('callwire_calls_live 3');
    expect(body).toMatch(/callwire_deliveries_waiting 2\n/);
    expect(body).toMatch(/callwire_deliveries_oldest_waiting_seconds [\d.]+\n/);
    expect(body).toContain('route="/v1/contacts/:id",status="404"');
    expect(body).toContain('route="none",status="404"');
    expect(body).toContain('process_cpu_seconds_total');
    expect(body).not.toContain('made');
  });

  it('metrics need a key, unless they are open', async () => {
    expect((await (await testApi()).request('GET', '/metrics', { key: null })).status).toBe(401);
    const open = await testApi({ metricsOpen: true });
    expect((await open.request('GET', '/metrics', { key: null })).status).toBe(200);
  });

  it('attempts of deliveries are counted by outcome', async () => {
    const { options } = await testApi();
    const outcome = {
      attempt: { at: 0, durationMs: 0, status: 500, error: 'status', response: null },
      verdict: { kind: 'retry' as const },
    };
    const handler = options.metrics.counted({
      kind: 'webhook',
      attempt: () => Promise.resolve(outcome),
      result: () => null,
    });
    const job = { kind: 'webhook' } as Parameters<typeof handler.attempt>[0];
    expect(await handler.attempt(job, AbortSignal.timeout(1_000))).toBe(outcome);
    expect(await options.metrics.text()).toContain(
      'callwire_delivery_attempts_total{kind="webhook",outcome="retry"} 1',
    );
  });
});

describe('documentation', () => {
  it('is one page without anything from elsewhere', async () => {
    const api = await testApi();
    const { status, body, headers } = await api.request('GET', '/docs', { key: null });
    expect(status).toBe(200);
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(body).toContain('<code>/v1/webhooks/{id}/rotate-secret</code>');
    expect(body).not.toMatch(/<script|src=/);
  });

  it('is found from the root, and with a slash behind it', async () => {
    const api = await testApi();
    const root = await api.request('GET', '/', { key: null });
    expect(root).toMatchObject({
      status: 200,
      body: { name: 'callwire', version: expect.stringMatching(/^\d+\.\d+\.\d+/), docs: '/docs' },
    });
    expect((await api.request('GET', root.body.openapi, { key: null })).status).toBe(200);
    const { status, headers } = await api.request('GET', '/docs/', { key: null });
    expect({ status, location: headers.location }).toEqual({ status: 308, location: '../docs' });
  });

  it('gives OpenAPI 3.1 with the public URL', async () => {
    const api = await testApi({ publicUrl: 'https://callwire.example' });
    const { body } = await api.request('GET', '/openapi.json', { key: null });
    expect(body).toMatchObject({
      openapi: '3.1.0',
      servers: [{ url: 'https://callwire.example' }],
    });
  });
});

describe('on a real socket', () => {
  it('it listens where it says, answers garbage, and lets a request end', async () => {
    const { options } = await testApi();
    const { promise: entered, resolve: enter } = Promise.withResolvers<void>();
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    options.store.lastPosition = async () => {
      enter();
      await gate;
      return 7;
    };
    const running = await startApi({ ...options, host: '127.0.0.1', port: 0 });
    const { port } = new URL(running.url);

    const socket = createConnection({ host: '127.0.0.1', port: Number(port) });
    socket.write('made up\r\n\r\n');
    const answer = await text(socket);
    expect(answer).toMatch(/^HTTP\/1.1 400 Bad Request/);
    expect(JSON.parse(answer.split('\r\n\r\n')[1]!)).toMatchObject({
      error: { code: 'invalid_request' },
    });

    const slow = fetch(`${running.url}/v1/events?after=latest`, {
      headers: { 'x-api-key': API_KEY },
    });
    await entered;
    const closing = running.close();
    open();
    expect(await (await slow).json()).toEqual({ events: [], nextCursor: '7' });
    await closing;
    await expect(fetch(`${running.url}/healthz`)).rejects.toThrow('fetch failed');
  });

  it('a port that is taken is told with its remedy', async () => {
    const { options } = await testApi();
    const running = await startApi({ ...options, host: '127.0.0.1', port: 0 });
    const port = Number(new URL(running.url).port);
    await expect(startApi({ ...options, host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'API_PORT_TAKEN',
      remedy: expect.stringContaining('PORT'),
    });
    await running.close();
  });
});
