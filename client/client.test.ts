import {
  type CallwireApiError,
  createClient,
  dataOf,
  type NewCall,
  placeCall,
  waitForCall,
} from 'callwire/client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startApi } from '../src/api/server.ts';
import { apiThatCalls } from '../src/api/testing/api_that_calls.ts';
import { API_KEY } from '../src/api/testing/test_api.ts';

const CALL: NewCall = { agentId: 'receptionist', phoneNumber: '+12025550123', knownConsent: true };

type Answer = (request: Request, attempt: number) => Response | Promise<Response>;

/** A client of the real API; what is sent goes through `answer` first, where there is one. */
async function clientOfApi(answer?: Answer) {
  const { api } = await apiThatCalls();
  const { url, close } = await startApi({ ...api.options, host: '127.0.0.1', port: 0 });
  onTestFinished(close);
  const sent: Request[] = [];
  const client = createClient({
    baseUrl: url,
    apiKey: API_KEY,
    fetch: (request) => {
      sent.push(request.clone());
      return Promise.resolve(answer?.(request, sent.length) ?? fetch(request));
    },
  });
  return { client, sent, url, store: api.store };
}

const failed = (status: number, headers: Record<string, string> = {}) =>
  Response.json({ error: { code: 'unavailable', message: 'Not now.' } }, { status, headers });

describe('callwire/client', () => {
  it('places, reads, lists and ends a call', async () => {
    const { client } = await clientOfApi();
    const placed = await placeCall(client, { ...CALL, idempotencyKey: 'k' });
    expect(placed).toMatchObject({ status: 'queued', to: '+12025550123' });
    const path = { id: placed.id };
    const { data } = await client.GET('/v1/calls/{id}', { params: { path } });
    expect(data?.call).toEqual(placed);
    const { calls } = await dataOf(client.GET('/v1/calls', { params: { query: { limit: 1 } } }));
    expect(calls.map(({ id }) => id)).toEqual([placed.id]);

    const over = waitForCall(client, placed.id, { everyMs: 5, timeoutMs: 10_000 });
    await dataOf(client.POST('/v1/calls/{id}/end', { params: { path } }));
    expect(await over).toMatchObject({ status: 'ended', endReason: 'ended_by_api' });
  });

  it('has one call for each key, and the code of what is refused', async () => {
    const { client } = await clientOfApi();
    const first = await placeCall(client, { ...CALL, idempotencyKey: 'k' });
    expect((await placeCall(client, { ...CALL, idempotencyKey: 'k' })).id).toBe(first.id);
    const other = { ...CALL, metadata: { lead: 8 }, idempotencyKey: 'k' };
    await expect(placeCall(client, other)).rejects.toMatchObject({
      name: 'CallwireApiError',
      code: 'idempotency_conflict',
      status: 409,
      requestId: expect.any(String),
    } satisfies Partial<CallwireApiError>);
    const { data, error } = await client.POST('/v1/calls', {
      body: { ...CALL, phoneNumber: '911' },
    });
    expect(data).toBeUndefined();
    expect(error?.error).toMatchObject({
      code: 'invalid_number',
      details: { reason: 'emergency' },
    });
  });

  it('asks again for an answer that was lost, and the call is still one', async () => {
    const { client, sent, store } = await clientOfApi(async (request, attempt) => {
      const answer = await fetch(request);
      if (attempt === 1) throw new TypeError('the answer was lost');
      return attempt === 2 ? failed(503) : answer;
    });
    const { call } = await dataOf(client.POST('/v1/calls', { body: CALL }));
    expect(sent).toHaveLength(3);
    expect(new Set(sent.map(({ headers }) => headers.get('idempotency-key'))).size).toBe(1);
    expect((await store.listCalls({ limit: 10 })).map(({ id }) => id)).toEqual([call.id]);
  });

  it('makes no key beside one of yours, and asks again with that', async () => {
    const { client, sent } = await clientOfApi((request, attempt) =>
      attempt === 1 ? failed(503) : fetch(request),
    );
    await placeCall(client, { ...CALL, idempotencyKey: 'k' });
    expect(sent.map(({ headers }) => headers.get('idempotency-key'))).toEqual([null, null]);
  });

  it('asks only once where that could do something twice, and gives up in the end', async () => {
    const { client, sent } = await clientOfApi(() => failed(503));
    const body = { name: 'mine', url: 'https://backend.example/events' };
    expect((await client.POST('/v1/webhooks', { body })).error?.error.code).toBe('unavailable');
    expect(sent).toHaveLength(1);
    expect((await client.GET('/v1/agents')).error?.error.code).toBe('unavailable');
    expect(sent).toHaveLength(1 + 4);
  });

  it('waits no longer than it is asked to, and ends with its signal', async () => {
    const { client, url } = await clientOfApi(() => failed(429, { 'retry-after': '3600' }));
    const signal = AbortSignal.timeout(20);
    await expect(client.GET('/v1/agents', { signal })).rejects.toThrow(/abort|timeout/i);
    const slow = createClient({
      baseUrl: url,
      apiKey: API_KEY,
      timeoutMs: 20,
      fetch: ({ signal: given }) =>
        new Promise((_, reject) => {
          given.addEventListener('abort', () => reject(given.reason));
        }),
    });
    await expect(slow.GET('/v1/agents')).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('says so where something else answers', async () => {
    const { client } = await clientOfApi(() => new Response('<html>', { status: 404 }));
    await expect(dataOf(client.GET('/v1/agents'))).rejects.toMatchObject({
      code: 'unknown',
      status: 404,
    });
  });
});
