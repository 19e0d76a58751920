import type { ServerResponse } from 'node:http';
import { afterAll, describe, expect, it } from 'vitest';
import { createReachAgents } from '../delivery/reach_agents.ts';
import { verifyStandard, verifyTimestamped, verifyVeevo } from '../events/signatures.ts';
import { until } from '../tools/testing/until.ts';
import type { HookTarget } from './hook_post.ts';
import { askStartHook, type StartedCall } from './start_hook.ts';
import { backendServer, rawBackend, sendJson } from './testing/backend_server.ts';

const SECRET = 'a-made-up-secret-of-a-backend';
const agents = createReachAgents({ connectTimeoutMs: 5_000 });
afterAll(async () => {
  for (const agent of Object.values(agents)) await agent.destroy();
});

const CALL: StartedCall = {
  callId: 'call_1',
  from: '+15550100001',
  to: '+15550100000',
  direction: 'inbound',
  contact: null,
  resumed: false,
};

function ask(
  url: string,
  options: Partial<HookTarget> & { deadlineMs?: number; retryAfterMs?: number[] } = {},
  call = CALL,
) {
  const { deadlineMs = 5_000, retryAfterMs = [], ...target } = options;
  return askStartHook(
    agents,
    { url: new URL(url), reach: 'operator', secret: SECRET, ...target },
    call,
    { deadlineMs, retryAfterMs, signal: new AbortController().signal },
  );
}

describe('a start hook', () => {
  it('is told of the call, signed in each way', async () => {
    await using backend = await backendServer((response) =>
      sendJson(response, { systemPrompt: 'Be kind.' }),
    );
    const contact = { id: 'c1', name: 'Ada', phone: '+15550100001' };
    const outcome = await ask(
      `${backend.url}/start?of=calls`,
      {},
      { ...CALL, contact, resumed: true },
    );
    expect(outcome).toMatchObject({ ok: true, answer: { kind: 'agent' }, ignored: [] });
    const [asked] = backend.asked;
    expect(asked?.path).toBe('/start?of=calls');
    expect(asked?.body).toEqual({
      callSid: 'call_1',
      callerNumber: '+15550100001',
      calledNumber: '+15550100000',
      direction: 'inbound',
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
      contact,
      resumed: true,
    });
    const signed = { headers: asked?.headers ?? {}, body: asked?.raw ?? '', secrets: [SECRET] };
    expect(verifyVeevo(signed)).toBe('valid');
    expect(verifyStandard(signed)).toBe('valid');
    expect(verifyTimestamped(signed)).toBe('valid');
    expect(asked?.headers['webhook-id']).toMatch(/^msg_/);
    expect(asked?.headers['x-signature']).toBeUndefined();
  });

  it('says no more than there is: no contact, nobody resumed', async () => {
    await using backend = await backendServer((response) =>
      sendJson(response, { systemPrompt: 'x' }),
    );
    await ask(backend.url, {}, { ...CALL, from: null });
    expect(Object.keys(backend.asked[0]?.body)).toEqual([
      'callSid',
      'callerNumber',
      'calledNumber',
      'direction',
      'timestamp',
    ]);
    expect(backend.asked[0]?.body.callerNumber).toBeNull();
  });

  const invalid = (fault: string) => ({ code: 'invalid_answer', status: null, fault });
  const html = '<!doctype html><title>Bad gateway</title>';
  it.each<[string, (response: ServerResponse) => void, object]>([
    ['401', (r) => sendJson(r, { error: 'signature' }, 401), { code: 'status', status: 401 }],
    ['500', (r) => sendJson(r, { error: 'made up' }, 500), { code: 'status', status: 500 }],
    ['a redirect', (r) => void r.writeHead(302, { location: '/x' }).end(), { code: 'redirect' }],
    ['HTML', (r) => void r.end(html), invalid('the body is no JSON')],
    ['nothing', (r) => void r.writeHead(204).end(), invalid('the body is empty')],
    ['a list', (r) => sendJson(r, [SECRET]), invalid('the JSON is no object')],
    ['null', (r) => sendJson(r, null), invalid('the JSON is no object')],
    ['no prompt', (r) => sendJson(r, { openaiApiKey: 'k' }), invalid('systemPrompt is missing')],
    [
      'a prompt of no use',
      (r) => sendJson(r, { systemPrompt: ' ' }),
      invalid('systemPrompt is empty, too long or no text'),
    ],
    ['5 MB', (r) => sendJson(r, { systemPrompt: 'x'.repeat(5e6) }), { code: 'answer_too_large' }],
    ['half an answer', (r) => halfAnAnswer(r), { code: 'answer_too_large' }],
    ['a closed connection', (r) => void r.destroy(), { code: 'connection' }],
  ])('that answers %s gives no agent', async (_, answer, expected) => {
    await using backend = await backendServer(answer);
    expect(await ask(backend.url)).toMatchObject({ ok: false, ...expected });
    expect(backend.asked).toHaveLength(1);
  });

  function halfAnAnswer(response: ServerResponse): void {
    response.writeHead(200, { 'Content-Length': '1000' });
    response.write('{"systemPrompt":', () => response.destroy());
  }

  it('that never answers is given up at its deadline', async () => {
    await using backend = await backendServer(() => undefined);
    expect(await ask(backend.url, { deadlineMs: 50 })).toMatchObject({
      ok: false,
      code: 'timeout',
    });
  });

  it('that answers twice is heard once', async () => {
    const body = '{"systemPrompt":"first"}';
    const answer = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    await using backend = await rawBackend(answer + answer.replace('first', 'other'));
    expect(await ask(backend.url)).toMatchObject({ answer: { agent: { prompt: 'first' } } });
    expect(await ask(backend.url)).toMatchObject({ answer: { agent: { prompt: 'first' } } });
  });

  it('that is not there gives no agent', async () => {
    const gone = await backendServer(() => undefined);
    await gone[Symbol.asyncDispose]();
    expect(await ask(gone.url)).toMatchObject({
      ok: false,
      code: 'connection_refused',
      status: null,
    });
  });

  // A deployment of the backend took a second, and turned away whoever called in it.
  it.each<[string, (response: ServerResponse) => void]>([
    ['is just being started anew', (r) => void r.destroy()],
    ['stands behind a proxy that finds it gone: 502', (r) => sendJson(r, {}, 502)],
    ['stands behind a proxy that finds it gone: 503', (r) => sendJson(r, {}, 503)],
  ])('that %s is asked again', async (_, gone) => {
    await using backend = await backendServer((response) => {
      if (backend.asked.length < 3) gone(response);
      else sendJson(response, { systemPrompt: 'Back again.' });
    });
    const outcome = await ask(backend.url, { retryAfterMs: [1, 1, 1] });
    expect(outcome).toMatchObject({ ok: true, answer: { agent: { prompt: 'Back again.' } } });
    expect(backend.asked.map(({ body }) => body.callSid)).toEqual(Array(3).fill('call_1'));
  });

  it('that stays away is given up, in time, and one that answers is not asked again', async () => {
    await using away = await backendServer((response) => void response.destroy());
    const retryAfterMs = [1, 1, 60_000];
    expect(await ask(away.url, { retryAfterMs })).toMatchObject({ code: 'connection' });
    expect(away.asked).toHaveLength(3);
    await using broken = await backendServer((response) => sendJson(response, {}, 500));
    expect(await ask(broken.url, { retryAfterMs: [1] })).toMatchObject({ status: 500 });
    expect(broken.asked).toHaveLength(1);
  });

  it('of another origin is not reached in the operator’s network, nor signed', async () => {
    await using backend = await backendServer((response) => sendJson(response, {}));
    const refused = await ask(backend.url, { reach: 'guarded', secret: null });
    expect(refused).toMatchObject({ ok: false, code: 'address_refused' });
    const unsigned = await ask(backend.url, { secret: null });
    expect(unsigned.ok).toBe(false);
    expect(Object.keys(backend.asked[0]?.headers ?? {}).join()).not.toMatch(/signature|webhook/);
  });

  it('is given up with the call', async () => {
    await using backend = await backendServer(() => undefined);
    const ended = new AbortController();
    const target = { url: new URL(backend.url), reach: 'operator', secret: SECRET } as const;
    const limits = { deadlineMs: 70_000, retryAfterMs: [60_000], signal: ended.signal };
    const asking = askStartHook(agents, target, CALL, limits);
    await using gone = await backendServer((response) => void response.destroy());
    const waiting = askStartHook(agents, { ...target, url: new URL(gone.url) }, CALL, limits);
    await until(() => gone.asked.length > 0);
    ended.abort(new Error('the call has ended'));
    await expect(asking).rejects.toThrow('the call has ended');
    await expect(waiting).rejects.toThrow('the call has ended');
  });
});
