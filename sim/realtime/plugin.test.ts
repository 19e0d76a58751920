import { once } from 'node:events';
import { ReadableStream, type ReadableStreamDefaultController } from 'node:stream/web';
import { initializeLogger, llm, voice } from '@livekit/agents';
import * as openai from '@livekit/agents-plugin-openai';
import { AudioFrame } from '@livekit/rtc-node';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { PCM_RATE, samplesOfMs } from './pcm.ts';
import { RealtimeServer, type RealtimeServerOptions } from './server.ts';
import type { SessionLog } from './session_log.ts';
import { speechMs, writeTone } from './voice.ts';

/*
 * The server before its real client: an AgentSession of agents-js with the plugin's own model, no
 * room, and a telephone line made of two streams.
 */

beforeAll(() => initializeLogger({ pretty: false, level: 'silent' }));

type Tools = NonNullable<ConstructorParameters<typeof voice.Agent>[0]['tools']>;

/** How much of an utterance on hold the caller is taken to have heard. */
const HEARD_OF_INTERRUPTED_MS = 150;

const soon = () => AbortSignal.timeout(15_000);

class CallerLine extends voice.AudioInput {
  #controller!: ReadableStreamDefaultController<AudioFrame>;

  constructor() {
    super();
    const source = new ReadableStream<AudioFrame>({
      start: (controller) => {
        this.#controller = controller;
      },
    });
    this.multiStream.addInputStream(source);
  }

  speak(): void {
    this.talk();
    this.fallSilent();
  }

  talk(): void {
    this.#send(400, 300);
  }

  fallSilent(): void {
    this.#send(800, 0);
  }

  #send(ms: number, hz: number): void {
    for (let at = 0; at < ms; at += 100) {
      const pcm = new Int16Array(samplesOfMs(100));
      if (hz) writeTone(pcm, hz);
      this.#controller.enqueue(new AudioFrame(pcm, PCM_RATE, 1, pcm.length));
    }
  }
}

/** Plays an utterance in no time; but on hold, it plays the first until it is interrupted. */
class AgentLine extends voice.AudioOutput {
  hold: boolean;
  playedMs = 0;
  interruptions = 0;
  #segmentMs = 0;
  #open = false;

  constructor(hold: boolean) {
    super(PCM_RATE);
    this.hold = hold;
  }

  override async captureFrame(frame: AudioFrame): Promise<void> {
    await super.captureFrame(frame);
    if (!this.#open) this.onPlaybackStarted(Date.now());
    this.#open = true;
    this.#segmentMs += (frame.samplesPerChannel * 1000) / frame.sampleRate;
  }

  override flush(): void {
    super.flush();
    if (!this.hold) this.#finish(this.#segmentMs, false);
  }

  clearBuffer(): void {
    super.flush();
    if (this.#open) this.interruptions += 1;
    this.hold = false;
    this.#finish(Math.min(this.#segmentMs, HEARD_OF_INTERRUPTED_MS), true);
  }

  /** Resolves when the first frame of all plays. */
  started(signal: AbortSignal): Promise<unknown> {
    return once(this, voice.AudioOutput.EVENT_PLAYBACK_STARTED, { signal });
  }

  #finish(ms: number, interrupted: boolean): void {
    if (!this.#open) return;
    this.#open = false;
    this.#segmentMs = 0;
    this.playedMs += ms;
    this.onPlaybackFinished({ playbackPosition: ms / 1000, interrupted });
  }
}

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function callOf(
  scenario: string,
  {
    tools = {},
    hold = false,
    ...options
  }: { tools?: Tools; hold?: boolean } & Partial<Omit<RealtimeServerOptions, 'scenario'>> = {},
) {
  const server = await RealtimeServer.start({ scenario, speed: Infinity, ...options });
  cleanUps.push(() => server.stop());
  const session = new voice.AgentSession({
    llm: new openai.realtime.RealtimeModel({
      baseURL: server.url,
      apiKey: 'sk-made-up',
      modalities: ['audio'],
    }),
    vad: null,
    turnHandling: { turnDetection: 'realtime_llm' },
    aecWarmupDuration: null,
    maxToolSteps: 20,
  });
  // Closed in the middle of a speech, agents-js leaves a rejection of its own unhandled.
  cleanUps.push(() => session.waitForIdle().then(() => session.close()));
  const caller = new CallerLine();
  const line = new AgentLine(hold);
  session.input.audio = caller;
  session.output.audio = line;
  const errors: unknown[] = [];
  session.on(voice.AgentSessionEventTypes.Error, ({ error }) => errors.push(error));
  await session.start({
    agent: new voice.Agent({ instructions: 'You are Sarah of Northwind.', tools }),
    record: false,
  });
  const log = await server.waitForSession(soon());
  return { server, session, caller, line, log, errors };
}

function said(log: SessionLog, text: string): Promise<unknown> {
  return log.waitFor(
    ({ responses }) => responses.find((one) => one.text === text && one.status === 'completed'),
    soon(),
  );
}

describe('the plugin’s own client', () => {
  it('brings its instructions, voice and tools, and gets its greeting word for word', async () => {
    const greeting = 'Hi Ada, this is Northwind. How can I help?';
    const { session, log, line, errors } = await callOf('', {
      tools: {
        end_call: llm.tool({ description: 'Ends the call.', execute: () => Promise.resolve() }),
      },
    });
    const speech = session.generateReply({
      instructions: `Say exactly: ${JSON.stringify(greeting)} Add nothing before or after it.`,
    });
    await speech.waitForPlayout();
    expect(log.said).toEqual([greeting]);
    expect(line.playedMs).toBe(speechMs(greeting));
    expect(speech.chatItems).toMatchObject([{ role: 'assistant', content: [greeting] }]);
    expect(log.config).toMatchObject({
      instructions: 'You are Sarah of Northwind.',
      tools: [{ name: 'end_call' }],
      audio: { output: { voice: 'marin' }, input: { turn_detection: { type: 'semantic_vad' } } },
    });
    expect(errors).toEqual([]);
  });

  it('turns the caller’s speech into a transcript and an answer', async () => {
    const { session, caller, log, errors } = await callOf(
      'turns: [{ hears: Is anybody there?, say: Yes., then: No. }]',
    );
    const heard: string[] = [];
    session.on(voice.AgentSessionEventTypes.UserInputTranscribed, ({ transcript, isFinal }) => {
      if (isFinal) heard.push(transcript);
    });
    caller.speak();
    await said(log, 'Yes.');
    expect(heard).toEqual(['Is anybody there?']);
    expect(errors).toEqual([]);
  });

  it('runs the tools and brings their results back for the answer', async () => {
    const noted: unknown[] = [];
    const { caller, log, errors } = await callOf(
      `
turns:
  - hears: I want to talk to sales.
    do:
      - say: One moment.
      - call: { tool: record_intent, arguments: { intent: sales } }
      - call: { tool: lookup_crm }
    then: "Your status is {{ result.lookup_crm.contact.status }}, {{ result.record_intent }}."
`,
      {
        tools: {
          record_intent: llm.tool({
            description: 'Records why the caller calls.',
            parameters: z.object({ intent: z.string() }),
            execute: ({ intent }) => {
              noted.push(intent);
              return Promise.resolve('noted');
            },
          }),
          lookup_crm: llm.tool({
            description: 'Looks the caller up.',
            execute: () => Promise.resolve({ contact: { status: 'gold' } }),
          }),
        },
      },
    );
    caller.speak();
    await said(log, 'Your status is gold, noted.');
    expect(noted).toEqual(['sales']);
    expect(log.responses.map(({ cause }) => cause)).toEqual(['turn', 'results']);
    expect(log.toolCalls.every(({ declared }) => declared)).toBe(true);
    expect(log.toolResults.map(({ callId }) => callId).toSorted()).toEqual(
      log.toolCalls.map(({ callId }) => callId).toSorted(),
    );
    expect(errors).toEqual([]);
  });

  it('is interrupted by the caller and says how much was heard', async () => {
    const { session, caller, line, log, errors } = await callOf(
      `{ opening: ${'word '.repeat(200)}, turns: [{ hears: Stop!, say: Sorry. }] }`,
      { hold: true, speed: 4 },
    );
    const speech = session.generateReply();
    await line.started(soon());
    caller.talk();
    await log.waitFor(({ truncations }) => truncations.length > 0, soon());
    caller.fallSilent();
    await said(log, 'Sorry.');
    expect(speech.interrupted).toBe(true);
    expect(line.interruptions).toBeGreaterThan(0);
    expect(log.responses.map(({ status }) => status)).toEqual(['cancelled', 'completed']);
    expect(log.truncations[0]).toMatchObject({ audioEndMs: HEARD_OF_INTERRUPTED_MS });
    expect(errors).toEqual([]);
  });

  it('is told that a reply is refused while the model answers the caller', async () => {
    const { session, caller, log } = await callOf(
      `turns: [{ hears: Hello?, say: ${'word '.repeat(20)} }]`,
      { speed: 4 },
    );
    caller.speak();
    await log.waitFor(({ responses }) => responses.length === 1, soon());
    session.generateReply({ instructions: 'Say exactly: "Me too."' });
    await log.waitFor(
      ({ errors }) =>
        errors.find(({ code }) => code === 'conversation_already_has_active_response'),
      soon(),
    );
  });

  it('gives typed words to the model, and gets the answer to them', async () => {
    const { session, log, errors } = await callOf(
      'on_text: [{ contains: pressed 1, say: You chose sales. }]',
    );
    session.generateReply({ userInput: '[The caller pressed 1 on the keypad.]' });
    await said(log, 'You chose sales.');
    expect(errors).toEqual([]);
  });

  it('reconnects after a drop, replays the conversation, and the scenario goes on', async () => {
    const { server, session, caller, log } = await callOf(
      'turns: [{ hears: First., say: One. }, { hears: Second., say: Two. }]',
    );
    caller.speak();
    await said(log, 'One.');
    await session.waitForIdle();
    await server.setFault('drop');
    const next = await server.waitForSession(soon(), 1);
    // The caller's words come back as text, in front of the answer to them.
    await next.waitFor(
      ({ events }) =>
        events.find(
          ({ from, event }) =>
            from === 'client' &&
            event.type === 'conversation.item.create' &&
            JSON.stringify(event).includes('One.'),
        ),
      soon(),
    );
    caller.speak();
    await said(next, 'Two.');
    expect(next.callerTurns.map(({ transcript }) => transcript)).toEqual(['Second.']);
  });
});
