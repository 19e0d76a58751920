import { initializeLogger } from '@livekit/agents';
import { AudioFrame } from '@livekit/rtc-node';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { serve } from '../../sim/realtime/test_server.ts';
import { until } from '../tools/testing/until.ts';
import type { CallModelOptions } from './realtime_model.ts';
import { CREATED, callModel, RealtimeEndpoint, soon } from './testing/realtime_endpoint.ts';
import { CONVERSE, LISTEN_ONLY } from './turn_taking.ts';

beforeAll(() => initializeLogger({ pretty: false, level: 'silent' }));

describe('a model that only listens', () => {
  const speechStarted = { type: 'input_audio_buffer.speech_started', audio_start_ms: 0 };

  it('answers nothing by itself, and stops nobody, until it takes turns', async () => {
    const server = await serve();
    const model = callModel(server.url, { listensOnly: true });
    await model.connect(soon());
    const session = model.session();
    onTestFinished(() => session.close());
    const log = await server.waitForSession(soon());
    await log.waitFor(({ updates }) => updates.length > 0, soon());
    expect(log.config.audio.input.turn_detection).toEqual(LISTEN_ONLY);
    let started = 0;
    session.on('input_speech_started', () => {
      started += 1;
    });
    const hear = () =>
      (session as unknown as PluginParts).handleInputAudioBufferSpeechStarted(speechStarted);
    hear();
    expect(started).toBe(0);
    model.listensOnly = false;
    hear();
    expect(started).toBe(1);
    await log.waitFor(
      ({ config }) => config.audio.input.turn_detection?.create_response === true,
      soon(),
    );
    expect(log.config.audio.input.turn_detection).toEqual(CONVERSE);
    expect(log.config.audio.input.transcription).toMatchObject({ model: expect.any(String) });
  });

  it('then takes them as the profile says, and hears until then whatever the profile holds back', async () => {
    const server = await serve();
    const model = callModel(server.url, {
      listensOnly: true,
      turnDetection: { by: 'silence', silenceMs: 700, threshold: 0.4 },
      bargeIn: { debounceMs: 500, minVolume: 0.9 },
    });
    await model.connect(soon());
    const session = model.session();
    onTestFinished(() => session.close());
    const log = await server.waitForSession(soon());
    if (model.bargeIn) model.bargeIn.agentSpeaks = true;
    const quiet = new Int16Array(2_400).map((_, i) => (i % 2 === 0 ? 2_000 : -2_000));
    session.pushAudio(new AudioFrame(quiet, 24_000, 1, quiet.length));
    await log.waitFor(({ audio }) => audio.loudMs >= 100, soon());
    model.listensOnly = false;
    await log.waitFor(
      ({ config }) => config.audio.input.turn_detection?.silence_duration_ms === 700,
      soon(),
    );
  });

  it('takes turns as well on every further connection, and any other model from the first', async () => {
    const server = await serve();
    for (const listensOnly of [true, false]) {
      const model = callModel(server.url, { listensOnly });
      const session = model.session();
      onTestFinished(() => session.close());
      model.listensOnly = false;
      const { createSessionUpdateEvent } = session as unknown as PluginParts;
      expect(createSessionUpdateEvent.call(session)).toMatchObject({
        session: { audio: { input: { turn_detection: CONVERSE } } },
      });
    }
  });
});

interface PluginParts {
  handleInputAudioBufferSpeechStarted(event: unknown): void;
  createSessionUpdateEvent(): unknown;
}

describe('how the model hears the caller', () => {
  it('is said to it', async () => {
    const server = await serve();
    const asked = async (options: Partial<CallModelOptions>) => {
      const model = callModel(server.url, options);
      onTestFinished(() => model.discard());
      await model.connect(soon());
      const session = await server.waitForSession(soon(), server.sessions.length - 1);
      await session.waitFor(({ updates }) => updates.length > 0, soon());
      return session.config.audio.input;
    };
    const turnDetection = { by: 'silence', silenceMs: 700, threshold: 0.6 } as const;
    expect(await asked({ turnDetection, noiseReduction: 'far_field' })).toMatchObject({
      turn_detection: { type: 'server_vad', silence_duration_ms: 700, threshold: 0.6 },
      noise_reduction: { type: 'far_field' },
    });
    const { noise_reduction, ...meaning } = await asked({
      turnDetection: { by: 'meaning', eagerness: 'low' },
      noiseReduction: null,
    });
    expect(meaning).toMatchObject({ turn_detection: { type: 'semantic_vad', eagerness: 'low' } });
    expect(noise_reduction ?? null).toBeNull();
  });

  it('is silence while the agent speaks, until the caller insists', async () => {
    const endpoint = await RealtimeEndpoint.start((socket) => socket.send(CREATED));
    const model = callModel(endpoint.url, { bargeIn: { debounceMs: 60, minVolume: 0.3 } });
    onTestFinished(() => model.discard());
    await model.connect(soon());
    const session = model.session();
    onTestFinished(() => session.close());
    const hears = () =>
      endpoint.events
        .filter(({ type }) => type === 'input_audio_buffer.append')
        .map(({ audio = '' }) => Buffer.from(audio, 'base64').readInt16LE(0));
    const speak = (peak: number) =>
      session.pushAudio(new AudioFrame(new Int16Array(480).fill(peak), 24_000, 1, 480));
    model.bargeIn!.agentSpeaks = true;
    for (let i = 0; i < 20; i++) speak(0);
    speak(9_000);
    speak(9_001);
    speak(9_002);
    await until(() => hears().includes(9_002));
    // Two of silence in their place, then they themselves, behind what came before them.
    expect(hears().slice(20, 22)).toEqual([0, 0]);
    expect(hears().slice(-3)).toEqual([9_000, 9_001, 9_002]);
  });
});

describe('the transcription of the caller', () => {
  it('is counted from the raw events, for agents-js does not', async () => {
    const completed = (usage: unknown) =>
      JSON.stringify({
        type: 'conversation.item.input_audio_transcription.completed',
        event_id: 'event_1',
        item_id: 'item_1',
        content_index: 0,
        transcript: 'Hello.',
        usage,
      });
    const tokens = {
      type: 'tokens',
      input_token_details: { text_tokens: 1, audio_tokens: 14 },
      output_tokens: 3,
    };
    const endpoint = await RealtimeEndpoint.start((socket) => {
      const used = [tokens, tokens, { type: 'duration', seconds: 2.5 }, undefined];
      socket.once('message', () => {
        for (const usage of used) socket.send(completed(usage));
      });
    });
    const model = callModel(endpoint.url);
    await model.connect(soon());
    const session = model.session();
    onTestFinished(() => session.close());
    await until(() => model.transcription.total.untold > 0);
    expect(model.transcription.total).toEqual({
      model: 'gpt-4o-mini-transcribe',
      inputTextTokens: 2,
      inputAudioTokens: 28,
      outputTokens: 6,
      seconds: 2.5,
      untold: 1,
    });
  });
});
