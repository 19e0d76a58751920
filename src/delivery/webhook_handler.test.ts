import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CrmBackend } from '../../sim/crm/crm_backend.ts';
import type { ClaimedJob } from '../store/store.ts';
import { createDefaultEndpoint, type DefaultEndpointSettings } from './default_endpoint.ts';
import { eventBody } from './testing/memory_jobs.ts';
import { WebhookHandler, type WebhookHandlerOptions } from './webhook_handler.ts';

const SECRET = 'made-up-secret';

let backend: CrmBackend;
let handlers: WebhookHandler[] = [];
let settings: DefaultEndpointSettings | null;

beforeEach(async () => {
  backend = new CrmBackend({ secret: SECRET });
  const { url } = await backend.start();
  settings = { url: `${url}/webhooks`, perEvent: true, secret: SECRET };
});
afterEach(async () => {
  await Promise.all(handlers.map((handler) => handler.close()));
  handlers = [];
  await backend.stop();
});

const job = (over: Partial<ClaimedJob> = {}): ClaimedJob => ({
  id: 'dlv_1',
  claimId: 'fct_1',
  kind: 'webhook',
  target: 'whe_default:call',
  attempt: 1,
  refusals: 0,
  callId: 'call_1',
  createdAt: 0,
  event: { id: 'evt_1', type: 'call.ended', body: eventBody('call.ended') },
  body: {},
  ...over,
});

function makeHandler(options: Partial<WebhookHandlerOptions> = {}): WebhookHandler {
  const endpoint = createDefaultEndpoint(() => settings);
  const handler = new WebhookHandler({
    endpoints: (id) => (id === endpoint.id ? endpoint : null),
    ...options,
  });
  handlers.push(handler);
  return handler;
}

const never = () => new AbortController().signal;
const attempt = (options: Partial<WebhookHandlerOptions> = {}, signal = never()) =>
  makeHandler(options).attempt(job(), signal);

describe('an attempt', () => {
  it('posts the stored bytes, signed in every family', async () => {
    const outcome = await attempt();
    expect(outcome).toMatchObject({
      attempt: { status: 200, error: null, response: '{"ok":true}' },
      verdict: { kind: 'success' },
    });
    expect(backend.received).toMatchObject([
      {
        path: '/webhooks/call',
        raw: eventBody('call.ended'),
        deliveryId: 'dlv_1',
        verified: { standard: true, timestamped: true, plain: true },
        headers: {
          'content-type': 'application/json',
          'user-agent': expect.stringMatching(/^Callwire\/\d+\.\d+\.\d+/),
          'webhook-id': 'evt_1',
        },
      },
    ]);
  });

  it('takes any 2xx for success', async () => {
    backend.behave('webhooks', { mode: 'status', status: 204 });
    expect(await attempt()).toMatchObject({
      attempt: { status: 204 },
      verdict: { kind: 'success' },
    });
  });

  it('is refused where the secrets differ', async () => {
    backend.setSecret('another-made-up-secret');
    expect(await attempt()).toMatchObject({
      attempt: { status: 401, error: 'status' },
      verdict: { kind: 'retry' },
    });
    expect(backend.refused).toMatchObject([
      { verified: { standard: false, timestamped: false, plain: false } },
    ]);
  });

  it('reads Retry-After, and pauses a minute after 429', async () => {
    const headers = { 'Retry-After': '90' };
    backend.behave('webhooks', { mode: 'status', status: 429, headers });
    expect((await attempt()).verdict).toEqual({
      kind: 'retry',
      notBeforeMs: 60_000,
      retryAfterMs: 90_000,
    });
    backend.behave('webhooks', { mode: 'status', status: 503, headers });
    expect((await attempt()).verdict).toEqual({ kind: 'retry', retryAfterMs: 90_000 });
    backend.behave('webhooks', { mode: 'status', status: 500 });
    expect((await attempt()).verdict).toEqual({ kind: 'retry' });
  });

  /**
   * Sockets were limited by origin. An endpoint that hung took all of its host's, and the deliveries
   * to another path of the same host waited for its deadlines, 15 s each.
   */
  it('does not wait for others of the same host that hang', async () => {
    const handler = makeHandler();
    const ending = new AbortController();
    backend.behave('webhooks', { mode: 'hang' });
    const hanging = Array.from({ length: 100 }, () => handler.attempt(job(), ending.signal));
    await expect.poll(() => backend.requests).toHaveLength(100);
    backend.behave('webhooks', { mode: 'ok' });
    expect((await handler.attempt(job(), never())).verdict.kind).toBe('success');
    ending.abort();
    await Promise.all(hanging);
  });

  it('never follows a redirect', async () => {
    backend.behave('webhooks', { mode: 'redirect' });
    expect(await attempt()).toMatchObject({
      attempt: { status: 302, error: 'redirect' },
      verdict: { kind: 'retry' },
    });
    expect(backend.requests.map(({ path }) => path)).toEqual(['/webhooks/call']);
  });

  it('gives up at its deadline, and then pauses a minute', async () => {
    backend.behave('webhooks', { mode: 'hang' });
    expect(await attempt({ deadlineMs: 100 })).toMatchObject({
      attempt: { status: null, error: 'timeout' },
      verdict: { kind: 'retry', notBeforeMs: 60_000 },
    });
  });

  it('keeps 4 KB of a huge answer', async () => {
    backend.behave('webhooks', { mode: 'huge' });
    const { attempt: record, verdict } = await attempt();
    expect(verdict.kind).toBe('success');
    expect(record.response).toBe('x'.repeat(4096));
  });

  it('believes the status of an answer whose body never ends', async () => {
    backend.behave('webhooks', { mode: 'trickle', ms: 10 });
    expect(await attempt({ deadlineMs: 200 })).toMatchObject({
      attempt: { status: 200 },
      verdict: { kind: 'success' },
    });
  });

  it('tells a closed socket and a backend that is not there', async () => {
    backend.behave('webhooks', { mode: 'vanish' });
    expect((await attempt()).attempt.error).toBe('connection');
    await backend.stop();
    expect(await attempt()).toMatchObject({
      attempt: { status: null, error: 'connection_refused' },
      verdict: { kind: 'retry' },
    });
  });

  // A wrong name, a stopped backend and an expired certificate all read `connection`.
  it('tells why there is no connection', async () => {
    const to = (url: string) => {
      settings = { url, perEvent: false, secret: SECRET };
    };
    to('https://backend.invalid/');
    const unknown = Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    const resolve = () => Promise.reject(unknown);
    expect((await attempt({ resolve })).attempt.error).toBe('name_not_resolved');
    // It speaks plain HTTP.
    to(backend.url.replace('http:', 'https:'));
    expect((await attempt()).attempt.error).toBe('tls');
  });

  it('never dials a metadata address', async () => {
    settings = { url: 'http://169.254.169.254/latest', perEvent: false, secret: SECRET };
    expect(await attempt()).toMatchObject({
      attempt: { error: 'address_refused' },
      verdict: { kind: 'retry' },
    });
  });

  it('holds without a secret, for an unsigned event could be anybody’s', async () => {
    settings = settings && { ...settings, secret: null };
    expect(await attempt({ clock: () => 1000, holdMs: 500 })).toMatchObject({
      attempt: { error: 'no_secret' },
      verdict: { kind: 'hold', untilMs: 1500 },
    });
    expect(backend.requests).toEqual([]);
  });

  it('holds when it is cut off by a shutdown', async () => {
    backend.behave('webhooks', { mode: 'hang' });
    const shutdown = new AbortController();
    const outcome = attempt({}, shutdown.signal);
    await expect.poll(() => backend.requests).toHaveLength(1);
    shutdown.abort();
    expect((await outcome).verdict.kind).toBe('hold');
  });

  it('is final where the endpoint is no more', async () => {
    expect(await attempt({ endpoints: () => null })).toMatchObject({
      attempt: { error: 'unknown_endpoint' },
      verdict: { kind: 'final' },
    });
  });

  it('keeps the failure age of each path', async () => {
    backend.behave('webhooks', { mode: 'status', status: 500 });
    const at = Date.now();
    const handler = makeHandler({ clock: () => at });
    await handler.attempt(job(), never());
    const key = `whe_default ${backend.url}/webhooks/call`;
    expect(handler.health.get(key)).toMatchObject({ failingSince: at, failures: 1 });
    backend.behave('webhooks', { mode: 'ok' });
    await handler.attempt(job(), never());
    expect(handler.health.get(key)).toMatchObject({ failingSince: null, lastSuccessAt: at });
  });
});

describe('the result of a delivery', () => {
  it('is an event without a call when it is given up', async () => {
    backend.behave('webhooks', { mode: 'status', status: 500 });
    const handler = makeHandler();
    const outcome = await handler.attempt(job(), never());
    expect(handler.result(job({ attempt: 12 }), outcome, 'exhausted')).toMatchObject({
      callId: null,
      events: [
        {
          id: expect.stringMatching(/^evt_/),
          type: 'delivery.exhausted',
          data: {
            endpoint_id: 'whe_default',
            delivery_id: 'dlv_1',
            event_id: 'evt_1',
            event_type: 'call.ended',
            attempts: 12,
            last_status: 500,
            last_error: 'status',
          },
        },
      ],
    });
    expect(handler.result(job(), outcome, 'done')).toBeNull();
  });

  it('never causes another for an event about delivery', async () => {
    backend.behave('webhooks', { mode: 'status', status: 500 });
    const handler = makeHandler();
    const outcome = await handler.attempt(job(), never());
    for (const type of ['delivery.exhausted', 'endpoint.disabled']) {
      const given = job({ event: { id: 'evt_2', type, body: eventBody(type) } });
      expect(handler.result(given, outcome, 'exhausted')).toBeNull();
    }
  });
});
