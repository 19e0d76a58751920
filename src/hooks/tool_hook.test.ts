import type { ServerResponse } from 'node:http';
import { afterAll, describe, expect, it } from 'vitest';
import { createReachAgents } from '../delivery/reach_agents.ts';
import { backendServer, rawBackend, sendJson } from './testing/backend_server.ts';
import { callToolHook, MAX_RESULT_CHARACTERS } from './tool_hook.ts';

const agents = createReachAgents({ connectTimeoutMs: 5_000 });
afterAll(async () => {
  for (const agent of Object.values(agents)) await agent.destroy();
});

const CALL = {
  callId: 'call_1',
  toolCallId: 'item_7',
  name: 'check',
  arguments: { date: 'April 15' },
  metadata: { customerId: 'cust_123' },
};

function call(url: string, options: { deadlineMs?: number; signal?: AbortSignal } = {}) {
  return callToolHook(agents, { url: new URL(url), reach: 'operator', secret: 's' }, CALL, {
    retryAfterMs: 1,
    signal: new AbortController().signal,
    ...options,
  });
}

async function answered(answer: (response: ServerResponse) => void) {
  await using backend = await backendServer(answer);
  return await call(backend.url);
}

describe('a tool hook', () => {
  it('is told what to do, under a key that stays with the tool call', async () => {
    await using backend = await backendServer((response) => sendJson(response, { result: 'ok' }));
    expect(await call(`${backend.url}/tool`)).toEqual({
      result: { result: 'ok' },
      error: null,
      status: null,
    });
    expect(backend.asked[0]).toMatchObject({
      path: '/tool',
      headers: { 'idempotency-key': 'call_1:item_7' },
      body: {
        callSid: 'call_1',
        toolName: 'check',
        arguments: { date: 'April 15' },
        metadata: { customerId: 'cust_123' },
        timestamp: expect.any(String),
      },
    });
  });

  it.each<[string, unknown, unknown]>([
    ['a text', { result: 'We have 3.' }, { result: 'We have 3.' }],
    ['an object', { result: { units: 3 } }, { result: { units: 3 } }],
    ['a list', { result: [1, 2] }, { result: [1, 2] }],
    ['nothing', { result: null }, { result: null }],
    ['JSON without a result', { units: 3 }, { result: { units: 3 } }],
    ['a bare text', 'We have 3.', { result: 'We have 3.' }],
    ['a bare number', 3, { result: 3 }],
    ['an empty list', [], { result: [] }],
  ])('gives the model its result: %s', async (_, body, result) => {
    expect((await answered((response) => sendJson(response, body))).result).toEqual(result);
  });

  it('may have nothing to say', async () => {
    const { result } = await answered((response) => void response.writeHead(204).end());
    expect(result).toEqual({ status: 'done' });
  });

  it.each([
    ['a long text', { result: 'x'.repeat(MAX_RESULT_CHARACTERS + 1) }],
    ['a long list', { result: Array.from({ length: 20_000 }, (_, i) => i) }],
    ['5 MB', { result: 'y'.repeat(5_000_000) }],
  ])('has its answer cut, and the model is told: %s', async (_, body) => {
    const { result, error } = await answered((response) => sendJson(response, body));
    expect(error).toBeNull();
    expect(result.note).toContain('only the beginning');
    expect((result.result as string).length).toBe(MAX_RESULT_CHARACTERS);
  });

  const html = '<html>Bad gateway</html>';
  it.each<[string, (response: ServerResponse) => void, string, number | null]>([
    ['401', (r) => sendJson(r, { error: 'signature' }, 401), 'status', 401],
    ['500', (r) => sendJson(r, { secret: 'detail' }, 500), 'status', 500],
    ['HTML', (r) => void r.end(html), 'invalid_answer', null],
    ['5 MB of HTML', (r) => void r.end(html.repeat(220_000)), 'invalid_answer', null],
    ['a redirect', (r) => void r.writeHead(307, { location: '/x' }).end(), 'redirect', 307],
  ])('that answers %s gives words for it', async (_, answer, error, status) => {
    const outcome = await answered(answer);
    expect(outcome).toMatchObject({ result: { status: 'failed' }, error, status });
    expect(outcome.result.note).toContain('Tell the caller');
    expect(JSON.stringify(outcome.result)).not.toContain('detail');
  });

  it('that hangs is given up, and nobody claims to know what came of it', async () => {
    await using backend = await backendServer(() => undefined);
    const outcome = await call(backend.url, { deadlineMs: 50 });
    expect(outcome).toMatchObject({ error: 'timeout', result: { status: 'failed' } });
    expect(outcome.result.note).toContain('nobody knows');
  });

  it('that breaks off is asked once more, under the same key', async () => {
    let attempts = 0;
    await using backend = await backendServer((response) => {
      attempts += 1;
      if (attempts === 1) response.destroy();
      else sendJson(response, { result: 'second' });
    });
    expect((await call(backend.url)).result).toEqual({ result: 'second' });
    const keys = backend.asked.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toEqual(['call_1:item_7', 'call_1:item_7']);
  });

  it('that answers twice is heard once', async () => {
    const body = '{"result":"one"}';
    const answer = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    await using backend = await rawBackend(answer + answer.replace('one', 'two'));
    expect((await call(backend.url)).result).toEqual({ result: 'one' });
    expect((await call(backend.url)).result).toEqual({ result: 'one' });
  });

  it('is given up with the call', async () => {
    await using backend = await backendServer(() => undefined);
    const ended = new AbortController();
    const asking = call(backend.url, { signal: ended.signal });
    ended.abort(new Error('the call has ended'));
    await expect(asking).rejects.toThrow('the call has ended');
  });
});
