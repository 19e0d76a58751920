import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { initializeLogger } from '@livekit/agents';
import * as openai from '@livekit/agents-plugin-openai';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { serve } from '../../sim/realtime/test_server.ts';
import { until } from '../tools/testing/until.ts';
import {
  CREATED,
  callModel,
  closeOnceAccepted,
  nobody,
  QUICK,
  RealtimeEndpoint,
  soon,
} from './testing/realtime_endpoint.ts';

beforeAll(() => initializeLogger({ pretty: false, level: 'silent' }));

describe('a model that cannot be had', () => {
  it.each([
    [401, 'MODEL_UNAUTHORIZED'],
    [403, 'MODEL_UNAUTHORIZED'],
    [404, 'MODEL_REFUSED'],
  ])('with HTTP %s is given up at once: %s', async (status, code) => {
    const server = await RealtimeEndpoint.refusing(status);
    const connected = callModel(server.url).connect(soon());
    await expect(connected).rejects.toMatchObject({ code, retryable: false });
    expect(server.attempts).toBe(1);
  });

  it.each([429, 500, 503])('with HTTP %s is asked again', async (status) => {
    const server = await RealtimeEndpoint.refusing(status);
    const connected = callModel(server.url).connect(soon());
    await expect(connected).rejects.toMatchObject({ code: 'MODEL_REFUSED', retryable: true });
    expect(server.attempts).toBeGreaterThan(1);
  });

  it('is found within the retries when it comes back', async () => {
    const server = await RealtimeEndpoint.refusing(503);
    const model = callModel(server.url, { limits: { budgetMs: 10_000, firstRetryMs: 10 } });
    const connected = model.connect(soon());
    await until(() => server.attempts > 1);
    server.refusal = undefined;
    await connected;
    await model.discard();
  });

  it('is unreachable where nobody listens', async () => {
    const connected = callModel(await nobody()).connect(soon());
    await expect(connected).rejects.toMatchObject({ code: 'MODEL_UNREACHABLE', retryable: true });
  });

  // A handshake had 5 s whatever was left of the budget: a server that accepts TCP and says nothing
  // kept the caller waiting for 10 s.
  it('is unreachable within the budget where the server never answers', async () => {
    const server = await serve();
    await server.setFault({ kind: 'slow_connect', ms: 60_000 });
    const limits = { budgetMs: 300, firstRetryMs: 200 };
    const connected = callModel(server.url, { limits }).connect(AbortSignal.timeout(4_500));
    await expect(connected).rejects.toMatchObject({ code: 'MODEL_UNREACHABLE' });
  });

  // OpenAI takes the handshake of a wrong key: the phone was answered by nobody.
  it.each([
    ['invalid_api_key', 'MODEL_UNAUTHORIZED'],
    ['insufficient_quota', 'MODEL_REFUSED'],
    ['model_not_found', 'MODEL_REFUSED'],
  ])('says so behind the handshake, too: %s', async (code, expected) => {
    const message = 'Incorrect API key provided: sk-made-up.';
    const endpoint = await RealtimeEndpoint.start((socket) => {
      const error = { type: 'invalid_request_error', code, message };
      socket.send(JSON.stringify({ type: 'error', error }));
      socket.close(3000, `invalid_request_error.${code}`);
    });
    const model = callModel(endpoint.url, { limits: { ...QUICK, acceptanceMs: 60_000 } });
    const error = await model.connect(soon()).catch((reason: Error) => reason);
    expect(error).toMatchObject({ code: expected, message: expect.stringContaining(code) });
    expect(String(error)).not.toContain('sk-made-up');
    await model.discard();
  });

  it('may say so by the close alone', async () => {
    const endpoint = await RealtimeEndpoint.start((socket) => {
      socket.close(3000, 'invalid_request_error.invalid_api_key');
    });
    const model = callModel(endpoint.url, { limits: { ...QUICK, acceptanceMs: 60_000 } });
    await expect(model.connect(soon())).rejects.toMatchObject({ code: 'MODEL_UNAUTHORIZED' });
    await model.discard();
  });

  it('is had where the server waits for the client to begin', async () => {
    const endpoint = await RealtimeEndpoint.start();
    const model = callModel(endpoint.url);
    await model.connect(soon());
    await model.discard();
  });

  it('is had when its server drops the first connection and serves the second', async () => {
    let connections = 0;
    const endpoint = await RealtimeEndpoint.start((socket) => {
      if (connections++ === 0) socket.terminate();
      else socket.send(CREATED);
    });
    const model = callModel(endpoint.url, { limits: { ...QUICK, acceptanceMs: 60_000 } });
    await model.connect(soon());
    expect(connections).toBe(2);
    await model.discard();
  });

  it('is unreachable where the server closes every connection without a word', async () => {
    const endpoint = await RealtimeEndpoint.start((socket) => socket.close(1011));
    const model = callModel(endpoint.url);
    await expect(model.connect(soon())).rejects.toMatchObject({ code: 'MODEL_UNREACHABLE' });
    expect(endpoint.attempts).toBe(5);
    await model.discard();
  });

  it('tells why without the key', async () => {
    const server = await RealtimeEndpoint.refusing(401);
    const error = await callModel(server.url)
      .connect(soon())
      .catch((reason: Error) => reason);
    expect(JSON.stringify(error) + String(error)).not.toContain('sk-made-up');
  });
});

interface ModelError {
  recoverable: boolean;
  error: { code?: string };
}

describe('a connection that breaks', () => {
  it('comes back, and the session stays', async () => {
    const server = await serve();
    const model = callModel(server.url);
    await model.connect(soon());
    const session = model.session();
    onTestFinished(() => session.close());
    const errors: ModelError[] = [];
    session.on('error', (error) => errors.push(error as unknown as ModelError));
    await server.waitForSession(soon());
    await server.setFault('drop');
    await server.waitForSession(soon(), 1);
    expect(errors.filter(({ recoverable }) => !recoverable)).toEqual([]);
    expect(model.current).toBe(session);
  });

  it('is given up, with an error, when the server accepts and closes for ever', async () => {
    const endpoint = await RealtimeEndpoint.start(closeOnceAccepted);
    const model = callModel(endpoint.url);
    await model.connect(soon());
    const session = model.session();
    onTestFinished(() => session.close());
    const failed = new Promise<ModelError>((resolve) => {
      session.on('error', (error) => {
        if (!error.recoverable) resolve(error as unknown as ModelError);
      });
    });
    expect(await failed).toMatchObject({
      type: 'realtime_model_error',
      error: { code: 'MODEL_UNREACHABLE' },
    });
    expect(endpoint.attempts).toBe(5);
  });

  it('is given up at once, with an error, when the key is refused at the reconnect', async () => {
    const endpoint = await RealtimeEndpoint.start();
    const model = callModel(endpoint.url);
    await model.connect(soon());
    const session = model.session();
    onTestFinished(() => session.close());
    const failed = once(session, 'error');
    endpoint.refusal = 401;
    endpoint.hangUp();
    expect(await failed).toMatchObject([
      { recoverable: false, error: { code: 'MODEL_UNAUTHORIZED' } },
    ]);
    expect(endpoint.attempts).toBe(2);
  });

  // The model died between the connection and the answer, and the caller was answered by a session
  // whose end nobody had heard.
  it('is not handed over when it was given up while the phone still rang', async () => {
    const endpoint = await RealtimeEndpoint.start(closeOnceAccepted);
    const emit = vi.spyOn(openai.realtime.RealtimeSession.prototype, 'emit');
    try {
      const model = callModel(endpoint.url);
      await model.connect(soon());
      const early = await until(() => {
        const at = emit.mock.calls.findIndex(([name]) => name === 'error');
        return at >= 0 && emit.mock.contexts[at];
      });
      const session = model.session();
      onTestFinished(() => session.close());
      expect(session).not.toBe(early);
      await once(session, 'error');
    } finally {
      emit.mockRestore();
    }
  });
});

const PROCESS = fileURLToPath(new URL('./testing/broken_model_process.ts', import.meta.url));

describe('a process with a broken model', () => {
  // The plugin has no `error` listener on its socket: any of these ended the process of the call
  // without a word, the caller hearing nothing until the room closed.
  it.each([
    ['nobody listens', 'MODEL_UNREACHABLE', nobody],
    [
      'the key is refused',
      'MODEL_UNAUTHORIZED',
      async () => (await RealtimeEndpoint.refusing(401)).url,
    ],
    [
      'every connection is closed',
      'connected',
      async () => (await RealtimeEndpoint.start(closeOnceAccepted)).url,
    ],
  ])('survives and hears of it: %s', async (_what, connected, url) => {
    const args = [PROCESS, await url()];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 18_000 });
    expect(JSON.parse(stdout)).toEqual({ connected, closed: 'error', uncaught: [] });
  });
});
