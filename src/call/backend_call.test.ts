import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Profile } from '../config/profile.ts';
import {
  type AskedHook,
  type BackendServer,
  backendServer,
  sendJson,
} from '../hooks/testing/backend_server.ts';
import { until } from '../tools/testing/until.ts';
import { type Consulted, consultBackend } from './backend_call.ts';
import type { CallerContext } from './caller_context.ts';
import { firstMessage, instructions } from './instructions.ts';
import type { LiveCall } from './live_call.ts';
import { type FakeLiveCall, fakeLiveCall, PROFILE } from './testing/fake_live_call.ts';

const KEY = 'sk-made-up-key-of-a-backend';

let backend: BackendServer;
let answer: (asked: AskedHook) => unknown;
beforeEach(async () => {
  backend = await backendServer((response, asked) => {
    void Promise.resolve(answer(asked)).then((body) => {
      if (body !== undefined) sendJson(response, body);
    });
  });
});
afterEach(() => backend[Symbol.asyncDispose]());

const READY: CallerContext = {
  state: 'ready',
  contact: { id: 'c1', name: 'Ada' } as never,
  ms: 3,
};
const nobody = new Promise<CallerContext>(() => undefined);

async function consult(
  options: {
    profile?: Partial<Profile>;
    context?: Promise<CallerContext>;
    call?: Partial<LiveCall>;
    env?: NodeJS.ProcessEnv;
  } = {},
): Promise<FakeLiveCall & { consulted: Consulted; errors: unknown[] }> {
  const hooks = {
    onCallStart: `${backend.url}/start`,
    onToolCall: `${backend.url}/tool`,
    onCallEnd: undefined,
    secretEnv: undefined,
    mayForward: ['+1555'],
    allowedOrigins: [],
  };
  const fake = fakeLiveCall({
    settings: {
      webhookSecret: 'a-made-up-secret',
      delivery: { allowNetworks: [], proxy: undefined },
    } as unknown as LiveCall['settings'],
    profile: { ...PROFILE, hooks, firstMessage: 'Hi from the profile.', ...options.profile },
    ...options.call,
  });
  const { context = nobody } = options;
  const consulted = await consultBackend(fake.call, { context, resumed: false });
  const errors = fake.ledger.events.filter(({ type }) => type === 'call.error');
  return { ...fake, consulted, errors: errors.map(({ data }) => data) };
}

const facts = ({ ledger }: FakeLiveCall) =>
  ledger.appends.flatMap(({ facts = [] }) => facts).map(({ kind, data }) => ({ kind, data }));

describe('a start hook that answers', () => {
  it('makes the agent; what it leaves open is the profile’s', async () => {
    answer = () => ({
      systemPrompt: 'Say {{nothing}}.',
      voice: 'cedar',
      openaiApiKey: KEY,
      inactivityTimeoutMs: 15_000,
      metadata: { customerId: 7 },
      tools: [{ name: 'book' }],
    });
    const silence = { promptAfterMs: 20_000, hangUpAfterMs: 60_000 };
    const { consulted, call, ...rest } = await consult({ profile: { silence } });
    expect(consulted.kind === 'agent' && consulted.apiKey?.reveal()).toBe(KEY);
    expect(instructions(call)).toBe('Say {{nothing}}.');
    expect(firstMessage(call)).toBe('Hi from the profile.');
    expect(call.profile).toMatchObject({
      voice: 'cedar',
      model: 'gpt-realtime',
      silence: { promptAfterMs: null, hangUpAfterMs: 15_000 },
    });
    expect(call.backend?.agent?.tools.map(({ name }) => name)).toEqual(['book']);
    expect(facts({ call, ...rest })).toEqual([
      { kind: 'hook', data: { end: false } },
      { kind: 'hook', data: { metadata: { customerId: 7 } } },
    ]);
    expect(JSON.stringify(rest.ledger.appends)).not.toContain(KEY);
  });

  it('is told of a contact that the CRM knows at once, and waits for none', async () => {
    answer = () => ({ systemPrompt: 'x', greeting: 'Hello.' });
    await consult({ context: Promise.resolve(READY) });
    const { call } = await consult();
    expect(firstMessage(call)).toBe('Hello.');
    const [known, unknown] = backend.asked.map(({ body }) => body.contact);
    expect(known).toEqual({ id: 'c1', name: 'Ada', phone: '+15550100001' });
    expect(unknown).toBeUndefined();
  });

  it('says by name what of it cannot be used', async () => {
    answer = () => ({ systemPrompt: 'x', voice: 7, tools: [{ name: 'odd', parameters: 7 }] });
    const { consulted, errors } = await consult();
    expect(consulted.kind).toBe('agent');
    expect(errors).toEqual([
      { code: 'start_hook_ignored', message: "the start hook's voice cannot be used" },
      { code: 'tool_refused', message: expect.stringContaining('the tool odd cannot be used') },
    ]);
  });

  it('has its tools done elsewhere, unsigned and under guard; without a place they are refused', async () => {
    answer = () => ({
      systemPrompt: 'x',
      onToolCallUrl: 'https://elsewhere.example/tool',
      tools: [{ name: 'book' }],
    });
    const { call } = await consult();
    expect(call.backend?.toolTarget).toMatchObject({ reach: 'guarded', secret: null });

    answer = () => ({ systemPrompt: 'x', tools: [{ name: 'book' }] });
    const hooks = { ...call.backend!.rule, onToolCall: undefined };
    const { call: other, errors } = await consult({ profile: { hooks } });
    expect(other.backend?.agent?.tools).toEqual([]);
    expect(errors).toEqual([
      { code: 'tool_refused', message: expect.stringContaining('on_tool_call') },
    ]);
  });

  it('turns away, or forwards to where the profile lets it', async () => {
    answer = () => ({ reject: true });
    expect((await consult()).consulted).toEqual({ kind: 'reject' });
    answer = () => ({ forward: '+15550100200' });
    expect((await consult()).consulted).toEqual({ kind: 'forward', to: 'tel:+15550100200' });
  });

  it('cannot forward elsewhere, nor a call that we place', async () => {
    answer = () => ({ forward: '+442079460000' });
    const refused = await consult();
    expect(refused.consulted).toEqual({ kind: 'missing' });
    expect(refused.errors).toMatchObject([{ code: 'forward_refused' }]);
    answer = () => ({ forward: '+15550100200', systemPrompt: 'Speak instead.' });
    const placed = await consult({ call: { direction: 'outbound' } });
    expect(placed.consulted.kind).toBe('agent');
    expect(instructions(placed.call)).toBe('Speak instead.');
  });
});

describe('a start hook that gives no agent', () => {
  it('is missing, and the record says why', async () => {
    answer = () => ({ hello: 'world' });
    const { consulted, errors } = await consult();
    expect(consulted).toEqual({ kind: 'missing' });
    expect(errors).toEqual([
      {
        code: 'start_hook_failed',
        message: 'the start hook gave no agent (invalid_answer: systemPrompt is missing)',
      },
    ]);
  });

  it('is missing at the end of its budget; what comes late changes prompt, tools and metadata', async () => {
    const late = Promise.withResolvers<unknown>();
    answer = () => late.promise;
    const profile = { context: { ...PROFILE.context, budgetMs: 20 } };
    const { consulted, call, ...rest } = await consult({ profile });
    expect(consulted).toEqual({ kind: 'missing' });
    const told: string[] = [];
    call.agent = {
      updateInstructions: (text: string) => Promise.resolve(void told.push(text)),
    } as unknown as NonNullable<LiveCall['agent']>;
    let offered = 0;
    call.offerTools = () => {
      offered += 1;
      return Promise.resolve();
    };
    late.resolve({
      systemPrompt: 'Late.',
      greeting: 'Never said.',
      voice: 'cedar',
      metadata: { customerId: 7 },
      tools: [{ name: 'book' }],
    });
    await until(() => offered > 0);
    expect(told).toEqual(['Late.']);
    expect(call.backend?.agent?.tools).toHaveLength(1);
    expect(call.profile?.voice).toBe('marin');
    expect(firstMessage(call)).toBe('Hi from the profile.');
    expect(facts({ call, ...rest })).toContainEqual({
      kind: 'hook',
      data: { metadata: { customerId: 7 } },
    });
  });

  it('late turns nobody away any more', async () => {
    const late = Promise.withResolvers<unknown>();
    answer = () => late.promise;
    const profile = { context: { ...PROFILE.context, budgetMs: 20 } };
    const { call } = await consult({ profile });
    late.resolve({ reject: true });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(call.ending.signal.aborted).toBe(false);
    expect(call.backend?.agent).toBeUndefined();
  });

  it('is not asked without a secret', async () => {
    answer = () => ({ systemPrompt: 'x' });
    const { consulted, errors } = await consult({
      call: {
        settings: { webhookSecret: undefined } as unknown as LiveCall['settings'],
      },
    });
    expect(consulted).toEqual({ kind: 'missing' });
    expect(errors).toMatchObject([{ message: expect.stringContaining('HOOK_SECRET_MISSING') }]);
    expect(backend.asked).toEqual([]);
  });
});
