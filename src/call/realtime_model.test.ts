import { AudioByteStream, initializeLogger, llm, voice } from '@livekit/agents';
import * as openai from '@livekit/agents-plugin-openai';
import { AudioFrame } from '@livekit/rtc-node';
import * as fc from 'fast-check';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { serve } from '../../sim/realtime/test_server.ts';
import { until } from '../tools/testing/until.ts';
import { callModel, RealtimeEndpoint, soon } from './testing/realtime_endpoint.ts';

beforeAll(() => initializeLogger({ pretty: false, level: 'silent' }));

describe('the parts of the plugin that are replaced', () => {
  it('are where they were in 1.9.0, and the connection is made by them alone', async () => {
    const { RealtimeModel, RealtimeSession } = openai.realtime;
    const prototype = RealtimeSession.prototype as unknown as { createWsConn(): Promise<never> };
    expect(Object.hasOwn(prototype, 'createWsConn')).toBe(true);
    expect(Object.hasOwn(prototype, 'handleInputAudioBufferSpeechStarted')).toBe(true);
    const connect = vi.spyOn(prototype, 'createWsConn');
    connect.mockImplementation(() => new Promise(() => undefined));
    try {
      const model = new RealtimeModel({
        apiKey: 'sk-made-up',
        baseURL: 'http://127.0.0.1:1/v1',
        model: 'gpt-realtime',
      });
      const session: unknown = model.session();
      expect(session).toMatchObject({
        bstream: expect.any(AudioByteStream),
        oaiRealtimeModel: model,
        _options: {
          model: 'gpt-realtime',
          apiKey: 'sk-made-up',
          baseURL: 'http://127.0.0.1:1/v1',
        },
      });
      await until(() => connect.mock.calls.length > 0);
      expect(connect.mock.contexts).toEqual([session]);
    } finally {
      connect.mockRestore();
    }
  });

  it('still turns a base URL into the address of a session', () => {
    const { processBaseURL } = openai.realtime;
    const address = (baseURL: string) =>
      processBaseURL({ baseURL, model: 'gpt-realtime', isAzure: false });
    expect(address('https://api.openai.com/v1')).toBe(
      'wss://api.openai.com/v1/realtime?model=gpt-realtime',
    );
    expect(address('http://127.0.0.1:8000/v1')).toBe(
      'ws://127.0.0.1:8000/v1/realtime?model=gpt-realtime',
    );
  });
});

describe('the comparison of conversations', () => {
  interface Compared {
    remoteChatCtx: { insert(after: string | undefined, item: llm.ChatItem): void };
    createChatCtxUpdateEvents(given: llm.ChatContext): Promise<Record<string, unknown>[]>;
  }
  const plugins = openai.realtime.RealtimeSession.prototype as unknown as Compared;

  const item = ({ id, said }: { id: number; said: string | null }): llm.ChatItem =>
    said === null
      ? llm.FunctionCallOutput.create({
          id: `item_${id}`,
          callId: `c${id}`,
          output: '{}',
          isError: false,
        })
      : llm.ChatMessage.create({ id: `item_${id}`, role: 'user', content: said });
  const items = fc.uniqueArray(
    fc.record({ id: fc.nat(9), said: fc.constantFrom(null, 'a', 'b') }),
    { selector: ({ id }) => id, maxLength: 8 },
  );

  async function changes(compare: Compared['createChatCtxUpdateEvents'], given: llm.ChatContext) {
    const events = await compare(given);
    return events.map(({ event_id: _, ...event }) => event);
  }

  // The plugin compares all with all, which in a long call stopped the audio at every tool's result.
  it('comes to what the plugin comes to', async () => {
    const server = await serve();
    await fc.assert(
      fc.asyncProperty(items, items, items, async (same, known, given) => {
        const session = callModel(server.url).session() as unknown as Compared & {
          close(): Promise<void>;
        };
        const used = new Set(same.map(({ id }) => id));
        const others = (more: typeof same) => more.filter(({ id }) => !used.has(id));
        let last: string | undefined;
        for (const one of [...same, ...others(known)].map(item)) {
          session.remoteChatCtx.insert(last, one);
          last = one.id;
        }
        const conversation = new llm.ChatContext([...same, ...others(given)].map(item));
        const ours = await changes((ctx) => session.createChatCtxUpdateEvents(ctx), conversation);
        const theirs = await changes(
          (ctx) => plugins.createChatCtxUpdateEvents.call(session, ctx),
          conversation,
        );
        expect(ours).toEqual(theirs);
        await session.close();
      }),
      { numRuns: 60 },
    );
  });

  it('looks at no more than what is new', async () => {
    const server = await serve();
    const session = callModel(server.url).session() as unknown as Compared & {
      close(): Promise<void>;
    };
    onTestFinished(() => session.close());
    const conversation = new llm.ChatContext([]);
    for (let id = 0; id < 50; id++) {
      const said = item({ id, said: 'a' });
      session.remoteChatCtx.insert(conversation.items.at(-1)?.id, said);
      conversation.items.push(said);
    }
    conversation.items.push(item({ id: 50, said: null }));
    const compared = vi.spyOn(plugins, 'createChatCtxUpdateEvents');
    onTestFinished(() => compared.mockRestore());
    const [event, ...more] = await session.createChatCtxUpdateEvents(conversation);
    expect(event).toMatchObject({ previous_item_id: 'item_49', item: { id: 'item_50' } });
    expect(more).toEqual([]);
    expect(compared.mock.calls[0]?.[0].items.map(({ id }) => id)).toEqual(['item_49', 'item_50']);
  });
});

describe('the connection of a call', () => {
  it('stands before anybody asks for the session, and is the one that is given then', async () => {
    const server = await serve('', { apiKey: 'sk-made-up' });
    const model = callModel(server.url, { language: 'de' });
    await model.connect(soon());
    const log = await server.waitForSession(soon());
    const session = model.session();
    onTestFinished(() => session.close());
    expect(model.current).toBe(session);
    await log.waitFor(({ updates }) => updates.length > 0, soon());
    expect(log.config).toMatchObject({
      model: 'gpt-realtime',
      audio: { output: { voice: 'marin' }, input: { transcription: { language: 'de' } } },
    });
    expect(server.sessions).toHaveLength(1);
  });

  it('is the one of the agent session', async () => {
    const server = await serve();
    const model = callModel(server.url);
    await model.connect(soon());
    const session = new voice.AgentSession({
      llm: model,
      vad: null,
      turnHandling: { turnDetection: 'realtime_llm' },
      aecWarmupDuration: null,
    });
    onTestFinished(() => session.close());
    await session.start({ agent: new voice.Agent({ instructions: 'Be kind.' }), record: false });
    const log = await server.waitForSession(soon());
    await log.waitFor(({ config }) => config.instructions === 'Be kind.', soon());
    expect(server.sessions).toHaveLength(1);
  });

  it('is another one for each further session', async () => {
    const server = await serve();
    const model = callModel(server.url);
    await model.connect(soon());
    const first = model.session();
    const second = model.session();
    onTestFinished(() => first.close());
    onTestFinished(() => second.close());
    expect(second).not.toBe(first);
    await server.waitForSession(soon(), 1);
  });

  it('is left at once by a caller who hangs up', async () => {
    const server = await serve();
    await server.setFault({ kind: 'slow_connect', ms: 60_000 });
    const model = callModel(server.url, { limits: { budgetMs: 8_000 } });
    const call = new AbortController();
    const connected = model.connect(call.signal);
    call.abort(new Error('hung up'));
    await expect(connected).rejects.toThrow('hung up');
    await model.discard();
  });

  it('carries the caller’s audio in pieces of 20 ms', async () => {
    const endpoint = await RealtimeEndpoint.start();
    const model = callModel(endpoint.url);
    await model.connect(soon());
    const session = model.session();
    onTestFinished(() => session.close());
    const ms100 = new Int16Array(2_400).fill(1);
    session.pushAudio(new AudioFrame(ms100, 24_000, 1, ms100.length));
    const pieces = () => endpoint.events.filter(({ type }) => type === 'input_audio_buffer.append');
    await until(() => pieces().length >= 5);
    expect(pieces().map(({ audio = '' }) => Buffer.from(audio, 'base64').length)).toEqual([
      960, 960, 960, 960, 960,
    ]);
  });
});
