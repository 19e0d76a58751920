import { initializeLogger } from '@livekit/agents';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RealtimeServer } from '../../sim/realtime/server.ts';
import { type BackendServer, backendServer, sendJson } from '../hooks/testing/backend_server.ts';
import { until } from '../tools/testing/until.ts';
import type { LiveCall } from './live_call.ts';
import { prepareCall } from './prepare_call.ts';
import { fakeLiveCall, PROFILE } from './testing/fake_live_call.ts';

initializeLogger({ pretty: false, level: 'silent' });

const KEY = 'sk-made-up-key-of-the-operator';
const BACKENDS_KEY = 'sk-made-up-key-of-a-backend';

let model: RealtimeServer;
let backend: BackendServer;
/** Answers the start hook. */
let thought: PromiseWithResolvers<unknown>;
beforeEach(async () => {
  model = await RealtimeServer.start({ apiKey: [KEY, BACKENDS_KEY], scenario: '{}' });
  thought = Promise.withResolvers();
  backend = await backendServer((response) => {
    void thought.promise.then((answer) => sendJson(response, answer));
  });
});
afterEach(async () => {
  await backend[Symbol.asyncDispose]();
  await model.stop();
});

/** A call to a profile with a start hook, whose backend has been asked and has not answered. */
async function consulting(apiKey: string | undefined = KEY) {
  const { call, ledger } = fakeLiveCall({
    settings: {
      webhookSecret: 'a-made-up-secret',
      crm: { adapter: 'builtin' },
      calls: { contextBudgetMs: 1_000 },
      delivery: { allowNetworks: [], proxy: undefined },
      openai: { apiKey, baseUrl: model.url },
    } as unknown as LiveCall['settings'],
  });
  const hooks = {
    onCallStart: `${backend.url}/start`,
    onToolCall: undefined,
    onCallEnd: undefined,
    secretEnv: undefined,
    mayForward: [],
    allowedOrigins: [],
  };
  const profile = { ...PROFILE, hooks };
  const prepared = prepareCall(call, ledger.client, { profile, phone: null });
  prepared.catch(() => undefined);
  await until(() => backend.asked.length > 0);
  return { call, prepared };
}

describe('the model of a call with a start hook', () => {
  it('is connected while the backend thinks, and kept where the backend leaves it', async () => {
    const { call, prepared } = await consulting();
    await until(() => model.sessions.length === 1);
    const early = call.model;
    thought.resolve({ systemPrompt: 'Be kind.', metadata: { lead: 1 } });
    await prepared;
    expect(call.model).toBe(early);
    expect(model.keys).toEqual([KEY]);
    await call.model?.discard();
  });

  it.each([
    ['key', { openaiApiKey: BACKENDS_KEY }, { key: BACKENDS_KEY, voice: PROFILE.voice }],
    ['voice', { voice: 'cedar' }, { key: KEY, voice: 'cedar' }],
  ])('is connected anew where the backend wants another %s', async (_, wanted, expected) => {
    const { call, prepared } = await consulting();
    await until(() => model.sessions.length === 1);
    thought.resolve({ systemPrompt: 'Be kind.', ...wanted });
    await prepared;
    await until(() => model.sessions[0]?.closedAt !== undefined);
    expect(model.keys).toEqual([KEY, expected.key]);
    const [, session] = model.sessions;
    await until(() => session?.config.audio.output.voice === expected.voice);
    expect(session?.closedAt).toBeUndefined();
    await call.model?.discard();
  });

  it('is had by the backend’s key where the operator’s is refused', async () => {
    const { call, prepared } = await consulting('sk-made-up-and-wrong');
    thought.resolve({ systemPrompt: 'Be kind.', openaiApiKey: BACKENDS_KEY });
    await prepared;
    expect(call.ending.signal.aborted).toBe(false);
    expect(model.keys).toEqual([BACKENDS_KEY]);
    await call.model?.discard();
  });

  it('waits for the backend where the operator has no key', async () => {
    const { call, prepared } = await consulting('');
    expect(call.model).toBeUndefined();
    thought.resolve({ systemPrompt: 'Be kind.', openaiApiKey: BACKENDS_KEY });
    await prepared;
    expect(model.keys).toEqual([BACKENDS_KEY]);
    await call.model?.discard();
  });

  it('is let go where the backend wants no call', async () => {
    const { call, prepared } = await consulting();
    await until(() => model.sessions.length === 1);
    thought.resolve({ reject: true });
    await expect(prepared).rejects.toThrow();
    expect(await call.ending.ended).toBe('rejected');
    await until(() => model.sessions[0]?.closedAt !== undefined);
  });
});
