import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readStartAnswer } from './start_answer.ts';

const KEY = 'sk-made-up-key-of-a-backend';

function agentOf(json: unknown) {
  const { answer, ignored } = readStartAnswer(json);
  if (answer?.kind !== 'agent') throw new Error('no agent');
  return { ...answer.agent, ignored };
}

describe('the answer of a start hook', () => {
  it('makes an agent of a prompt alone', () => {
    expect(agentOf({ systemPrompt: 'Be kind.' })).toEqual({
      prompt: 'Be kind.',
      voice: undefined,
      model: undefined,
      greeting: undefined,
      greetingUrl: undefined,
      apiKey: undefined,
      eagerness: undefined,
      noiseReduction: undefined,
      inactivityTimeoutMs: undefined,
      toolUrl: undefined,
      tools: [],
      metadata: {},
      ignored: [],
    });
  });

  it('is taken as platforms send it, and what is not for us is dropped', () => {
    const agent = agentOf({
      twilioAccountSid: 'AC0',
      twilioAuthToken: 'made-up-token',
      openaiApiKey: KEY,
      systemPrompt: 'You are a helpful assistant.',
      voice: 'marin',
      model: 'gpt-realtime-1.5',
      vadEagerness: 'high',
      noiseReduction: 'near_field',
      inactivityTimeoutMs: 60_000,
      greetingUrl: 'https://example.invalid/hi.mp3',
      onToolCallUrl: 'https://example.invalid/calls/tool',
      tools: [{ type: 'function', name: 'check' }],
      metadata: { customerId: 'cust_123' },
      somethingNew: true,
    });
    expect(agent).toMatchObject({
      model: 'gpt-realtime-1.5',
      eagerness: 'high',
      noiseReduction: 'near_field',
      metadata: { customerId: 'cust_123' },
      ignored: [],
    });
    expect(agent.apiKey?.reveal()).toBe(KEY);
    const shown = [inspect(agent, { depth: 9 }), JSON.stringify(agent), `${agent.apiKey}`].join();
    expect(shown).not.toMatch(/sk-made-up|made-up-token|AC0/);
  });

  it('keeps a greeting of nothing apart from none', () => {
    expect(agentOf({ systemPrompt: 'x', greeting: '' }).greeting).toBe('');
    expect(agentOf({ systemPrompt: 'x', greeting: null }).greeting).toBeUndefined();
  });

  it('loses only what is wrong in it, and says what', () => {
    const { ignored, voice, noiseReduction } = agentOf({
      systemPrompt: 'x',
      voice: 7,
      vadEagerness: 'frantic',
      noiseReduction: 'none',
      greetingUrl: 'file:///etc/passwd',
      onToolCallUrl: 'https://user:password@example.invalid/',
      openaiApiKey: 'two\nlines',
      inactivityTimeoutMs: '60',
      metadata: { large: 'x'.repeat(20_000) },
      tools: {},
    });
    expect({ voice, noiseReduction }).toEqual({ voice: undefined, noiseReduction: null });
    expect(ignored.toSorted()).toEqual([
      'greetingUrl',
      'inactivityTimeoutMs',
      'metadata',
      'onToolCallUrl',
      'openaiApiKey',
      'tools',
      'vadEagerness',
      'voice',
    ]);
  });

  it('has its prompt whole, or not at all', () => {
    const prompt = 'Never mention prices. '.repeat(5_000);
    expect(agentOf({ systemPrompt: prompt }).prompt).toHaveLength(prompt.length);
    expect(readStartAnswer({ systemPrompt: 'x'.repeat(300_000) })).toEqual({
      answer: null,
      ignored: ['systemPrompt'],
    });
  });

  it.each([
    [{ reject: true, systemPrompt: 'x' }, null],
    [{ reject: { reason: 'closed' } }, 'closed'],
    [{ reject: {} }, null],
  ])('turns a call away: %j', (json, reason) => {
    expect(readStartAnswer(json).answer).toEqual({ kind: 'reject', reason });
  });

  it('forwards, with or without an agent to fall back on', () => {
    expect(readStartAnswer({ forward: '+15550100200', reject: false }).answer).toEqual({
      kind: 'forward',
      to: '+15550100200',
      agent: null,
    });
    expect(readStartAnswer({ forward: 'sales', systemPrompt: 'x' }).answer).toMatchObject({
      kind: 'forward',
      agent: { prompt: 'x' },
    });
  });

  const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'hello'],
    ['a list', []],
    ['no prompt', { voice: 'marin' }],
    ['an empty prompt', { systemPrompt: ' \n' }],
    ['a prompt that is none', { systemPrompt: { text: 'x' } }],
    ['something bottomless', { metadata: { deep } }],
  ])('is of no use: %s', (_, json) => {
    expect(readStartAnswer(json).answer).toBeNull();
  });
});
