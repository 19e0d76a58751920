import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Announcer } from './announcer.ts';
import { greet } from './greeting.ts';
import type { LiveCall } from './live_call.ts';
import { meetCallee } from './meet_callee.ts';
import { fakeLiveCall, PROFILE } from './testing/fake_live_call.ts';
import { FakeSession } from './testing/fake_session.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

const SAY = (text: string) =>
  `say Say exactly: ${JSON.stringify(text)} Add nothing before or after it.`;
const GREETING = SAY('Hi, this is Northwind.');
const MESSAGE = SAY('Please call us back.');

/** An answered outbound call: what the model hears, what is said, how it ends. */
function answered(
  voicemail: Partial<NonNullable<LiveCall['profile']>['voicemail']> = {},
  firstMessage: string | undefined = 'Hi, this is Northwind.',
) {
  const line = new FakeSession();
  const model = Object.assign(new EventEmitter(), { turns: false });
  const { call, ledger } = fakeLiveCall({
    session: line.session,
    direction: 'outbound',
    settings: {
      openai: { apiKey: undefined, baseUrl: 'http://127.0.0.1:1/v1', extractionModel: 'none' },
    } as LiveCall['settings'],
  });
  call.profile = {
    ...PROFILE,
    firstMessage,
    voicemail: { policy: 'hang_up', message: 'Please call us back.', ...voicemail },
  };
  call.model = {
    current: model,
    get listensOnly() {
      return !model.turns;
    },
    set listensOnly(only: boolean) {
      if (model.turns === only) line.happened.push(only ? 'only listens' : 'takes turns');
      model.turns = !only;
    },
  } as unknown as NonNullable<LiveCall['model']>;
  call.announcer = new Announcer(line.session, call.ending.signal, call.log);
  const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);
  const event = (type: string, more = {}) =>
    model.emit('openai_server_event_received', { type, ...more });
  let atMs = 0;
  const begins = () => void event('input_audio_buffer.speech_started', { audio_start_ms: atMs });
  const ends = (spokenMs: number) => {
    atMs += spokenMs + 700;
    event('input_audio_buffer.speech_stopped', { audio_end_ms: atMs });
  };
  const words = (transcript: string) =>
    void event('conversation.item.input_audio_transcription.completed', { transcript });
  const over = meetCallee(call, (stop) => (stop.aborted ? Promise.resolve() : greet(call)));
  return {
    call,
    line,
    over,
    settle,
    begins,
    ends,
    words,
    says: async (text: string, ms = 900) => {
      begins();
      ends(ms);
      words(text);
      await settle();
    },
    /** What was written down of who has answered. */
    get answeredBy() {
      const facts = ledger.appends.flatMap(({ facts: written = [] }) => written);
      return facts.filter(({ kind }) => kind === 'answered_by').map(({ data }) => data.answeredBy);
    },
    speech: (n: number) => {
      const speech = line.speeches[n];
      if (!speech) throw new Error(`there is no speech ${n}`);
      return speech;
    },
  };
}

describe('a person', () => {
  it('who says hello is greeted at once, and talked to behind the greeting', async () => {
    const t = answered();
    await t.says('Hello?');
    expect(t.line.happened).toEqual([GREETING]);
    t.speech(0).played();
    await t.settle();
    expect(t.line.happened).toEqual([GREETING, 'takes turns']);
    expect(t.answeredBy).toEqual(['person']);
    await t.over;
    expect(t.call.ending.reason).toBe(undefined);
  });

  it('who says nothing is greeted all the same, after a moment', async () => {
    const t = answered();
    await t.settle(2_400);
    expect(t.line.happened).toEqual([]);
    await t.settle(100);
    expect(t.line.happened).toEqual([GREETING]);
    expect(t.answeredBy).toEqual(['unknown']);
    t.speech(0).played();
    await t.settle(60_000);
    expect(t.call.ending.reason).toBe(undefined);
    await t.says('Who is this?');
    expect(t.line.happened).toEqual([GREETING, 'takes turns']);
  });

  it('who says hello into the greeting is not greeted twice', async () => {
    const t = answered();
    await t.settle(2_500);
    await t.says('Hello?');
    t.speech(0).played();
    await t.settle();
    expect(t.line.happened).toEqual([GREETING, 'takes turns']);
    expect(t.answeredBy).toEqual(['unknown', 'person']);
  });

  it('who says more than that into the greeting is answered behind it', async () => {
    const t = answered();
    await t.says('Hello?');
    await t.says('I am in a meeting.');
    t.speech(0).played();
    await t.settle();
    expect(t.line.happened).toEqual([GREETING, 'takes turns', 'say anything']);
  });

  it('is answered by the model alone when still speaking at the end of the greeting', async () => {
    const t = answered();
    await t.says('Hello?');
    t.begins();
    t.speech(0).played();
    await t.settle();
    t.ends(800);
    t.words('I am in a meeting.');
    await t.settle();
    expect(t.line.happened).toEqual([GREETING, 'takes turns']);
  });

  it('speaks first where the profile wants it, and is answered', async () => {
    const t = answered({}, '');
    await t.says('Hello, Northwind?');
    expect(t.line.happened).toEqual(['takes turns', 'say anything']);
    const silent = answered({}, '');
    await silent.settle(2_500);
    expect(silent.line.happened).toEqual(['takes turns']);
  });

  it('who hangs up before a word is no machine, and nothing more is said', async () => {
    const t = answered();
    await t.settle(1_000);
    void t.call.ending.end('caller_hung_up');
    await t.over;
    await t.settle(60_000);
    expect(t.line.happened).toEqual([]);
    expect(t.answeredBy).toEqual([]);
  });

  it('is not taken for a machine for what is said in the conversation', async () => {
    const t = answered();
    await t.says('Hello?');
    t.speech(0).played();
    await t.settle();
    await t.says('Yes, speaking.');
    await t.says('You can leave a message on my voicemail.');
    expect(t.call.ending.reason).toBe(undefined);
    expect(t.answeredBy).toEqual(['person']);
  });
});

describe('a machine', () => {
  it('is hung up on at once, without a word', async () => {
    const t = answered();
    await t.says('You have reached Ada. Please leave a message.');
    expect(t.call.ending.reason).toBe('voicemail');
    expect(t.line.happened).toEqual([]);
    expect(t.answeredBy).toEqual(['machine']);
  });

  it('is not spoken to while it talks, and gets the message when it has fallen silent', async () => {
    const t = answered({ policy: 'leave_message' });
    await t.says('You have reached Ada.', 3_000);
    t.begins();
    await t.settle(8_000);
    t.ends(8_000);
    expect(t.line.happened).toEqual(['interrupt']);
    await t.settle(4_900);
    expect(t.line.speeches).toHaveLength(0);
    await t.settle(300);
    expect(t.line.happened).toEqual(['interrupt', 'interrupt', MESSAGE]);
    expect(t.call.ending.reason).toBe(undefined);
    t.speech(0).played();
    await t.settle(1_000);
    expect(t.call.ending.reason).toBe('voicemail');
  });

  it('that gives itself away in the greeting ends it, and gets the message alone', async () => {
    const t = answered({ policy: 'leave_message' });
    await t.says('Hi!', 400);
    await t.says('You have reached Ada. Leave a message after the beep.', 4_000);
    expect(t.line.happened).toEqual([GREETING, 'interrupt']);
    t.speech(0).cutOff();
    await t.settle(5_300);
    expect(t.line.happened).toEqual([GREETING, 'interrupt', 'interrupt', MESSAGE]);
    t.speech(1).played();
    await t.settle(1_000);
    expect(t.call.ending.reason).toBe('voicemail');
    expect(t.answeredBy).toEqual(['person', 'machine']);
  });

  it('that gives itself away behind the greeting is hung up on', async () => {
    const t = answered();
    await t.settle(2_500);
    t.speech(0).played();
    await t.settle(1_000);
    await t.says('The person you are calling is not available.', 3_000);
    expect(t.call.ending.reason).toBe('voicemail');
  });

  it('is only listened to again, behind the greeting, so that nothing cuts the message off', async () => {
    const t = answered({ policy: 'leave_message' });
    await t.settle(2_500);
    t.speech(0).played();
    await t.settle(1_000);
    await t.says('You have reached Ada. Leave a message.', 3_000);
    expect(t.line.happened).toEqual([GREETING, 'takes turns', 'only listens', 'interrupt']);
    await t.settle(5_300);
    expect(t.line.happened.at(-1)).toBe(MESSAGE);
  });

  it('is talked to where the profile wants it: behind its monologue, with the whole greeting', async () => {
    const t = answered({ policy: 'continue' });
    await t.says('You have reached Ada. Leave a message.', 4_000);
    expect(t.line.happened).toEqual([]);
    await t.settle(1_300);
    expect(t.line.happened).toEqual([GREETING]);
    await t.says('Beep. Please leave a message.', 3_000);
    expect(t.line.happened).toEqual([GREETING]);
    t.speech(0).played();
    await t.settle(60_000);
    expect(t.line.happened.slice(0, 2)).toEqual([GREETING, 'takes turns']);
    expect(t.line.speeches.length).toBeLessThanOrEqual(1);
    expect(t.call.ending.reason).toBe(undefined);
  });
});

describe('a menu', () => {
  it('takes no message, and is hung up on', async () => {
    const t = answered({ policy: 'leave_message' });
    await t.says('For sales, press 1. For support, press 2.', 4_000);
    await t.settle(6_000);
    expect(t.line.speeches).toEqual([]);
    expect(t.call.ending.reason).toBe('voicemail');
    expect(t.answeredBy).toEqual(['ivr']);
  });
});

describe('call screening', () => {
  it('is told who calls and why, and the person behind it is greeted', async () => {
    const t = answered();
    await t.says('Please state your name and why you are calling.', 3_000);
    expect(t.line.happened).toEqual([expect.stringMatching(/^say Call screening asks/)]);
    t.speech(0).played();
    await t.settle();
    await t.says('Thank you. Please stay on the line.', 2_000);
    await t.settle(20_000);
    expect(t.line.speeches).toHaveLength(1);
    await t.says('Hello?');
    expect(t.line.happened.at(-1)).toBe(GREETING);
    expect(t.answeredBy).toEqual(['screening', 'person']);
  });

  it('behind which nobody comes is a machine in the end', async () => {
    const t = answered();
    await t.says('Please state your name and why you are calling.', 3_000);
    t.speech(0).played();
    await t.settle(61_000);
    expect(t.call.ending.reason).toBe('voicemail');
    expect(t.answeredBy).toEqual(['screening']);
  });
});
