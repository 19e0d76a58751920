import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { RealtimeServer } from '../realtime/server.ts';
import { connectsOnce, givenModel } from './real_model.ts';

const soon = () => AbortSignal.timeout(15_000);

let server: RealtimeServer | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

async function refusalOf(apiKey: string, baseUrl: string): Promise<unknown> {
  return await connectsOnce({ apiKey, baseUrl }, soon()).catch((error: unknown) => error);
}

describe('the real model of the demo', () => {
  it('is OpenAI’s where a key is given, and none where there is no key', () => {
    expect(givenModel({})).toBeUndefined();
    expect(givenModel({ OPENAI_API_KEY: ' ', OPENAI_BASE_URL: 'http://x/v1' })).toBeUndefined();
    expect(givenModel({ OPENAI_API_KEY: 'k' })?.baseUrl).toBe('https://api.openai.com/v1');
    expect(givenModel({ OPENAI_API_KEY: ' k\n', OPENAI_BASE_URL: 'http://x/v1/' })).toEqual({
      apiKey: 'k',
      baseUrl: 'http://x/v1',
    });
  });

  it('is not looked for at an address that is none', () => {
    const wrong = { OPENAI_API_KEY: 'k', OPENAI_BASE_URL: 'api.openai.com' };
    expect(() => givenModel(wrong)).toThrow('OPENAI_BASE_URL must be a whole URL');
  });

  it('takes a good key', async () => {
    server = await RealtimeServer.start({ scenario: '{}', apiKey: 'good' });
    await connectsOnce({ apiKey: 'good', baseUrl: server.url }, soon());
  });

  // The demo went on and ended with "486": the worker's refusal of the call, not the model's.
  it('says that it refuses a key, at the handshake or behind it, and what can be done', async () => {
    server = await RealtimeServer.start({ scenario: '{}', apiKey: 'good' });
    const refused = {
      code: 'MODEL_UNAUTHORIZED',
      message: `the model refused the key (HTTP 401), at ${server.url}`,
      remedy: 'Check OPENAI_API_KEY. Without OPENAI_API_KEY a stand-in speaks.',
    };
    expect(await refusalOf('wrong', server.url)).toMatchObject(refused);
    await server.setFault({ kind: 'error_event', code: 'invalid_api_key' });
    expect(await refusalOf('good', server.url)).toMatchObject({
      ...refused,
      message: `the model refused the key (invalid_api_key), at ${server.url}`,
    });
  });

  it('says that it cannot be reached', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo;
    closed.close();
    expect(await refusalOf('good', `http://127.0.0.1:${port}/v1`)).toMatchObject({
      code: 'MODEL_UNREACHABLE',
      remedy: expect.stringContaining('Without OPENAI_API_KEY a stand-in speaks.'),
    });
  });
});
