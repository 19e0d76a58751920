import { AsyncLocalStorage } from 'node:async_hooks';
import { pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import { until } from '../tools/testing/until.ts';
import { Announcer, sayExactly } from './announcer.ts';
import { FakeSession, type FakeSpeech } from './testing/fake_session.ts';

let line: FakeSession;
let call: AbortController;
let announcer: Announcer;
beforeEach(() => {
  line = new FakeSession();
  call = new AbortController();
  announcer = new Announcer(line.session, call.signal, pino({ level: 'silent' }));
});

/** Lets everything happen that needs no time. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** The speech of this number, counted from 0, as soon as it has begun. */
function speech(index: number): Promise<FakeSpeech> {
  return until(() => line.speeches[index]);
}

describe('an announcement', () => {
  it('is asked of the model, and is over when it has been played', async () => {
    const reply = announcer.reply('Say hello.');
    const hello = await speech(0);
    expect(hello.request).toEqual({ instructions: 'Say hello.' });
    let over = false;
    reply.then(() => {
      over = true;
    });
    await settle();
    expect(over).toBe(false);
    hello.played();
    expect(await reply).toBe('played');
  });

  it('leaves the words to the prompt where it has none', async () => {
    const reply = announcer.reply();
    const opening = await speech(0);
    expect(opening.request).toEqual({});
    opening.played();
    expect(await reply).toBe('played');
  });

  it('asks for the very words of a text, quotes and line breaks included', async () => {
    const reply = announcer.say('Say "yes"\nnow.');
    const words = await speech(0);
    expect(words.request.instructions).toBe(sayExactly('Say "yes"\nnow.'));
    expect(words.request.instructions).toContain(String.raw`"Say \"yes\"\nnow."`);
    words.played();
    await reply;
  });

  it('gives what was keyed in to the model as the caller’s words', async () => {
    const reply = announcer.reply(undefined, { keypad: '[pressed 1]' });
    const answer = await speech(0);
    expect(answer.request).toEqual({ userInput: '[pressed 1]' });
    answer.played();
    await reply;
  });

  it('tells where the caller cut it off', async () => {
    const reply = announcer.reply('Hello.');
    (await speech(0)).cutOff();
    expect(await reply).toBe('cut_off');
  });
});

// agents-js took such a reply for a part of the tool, and refused it any tool of its own.
describe('an announcement of a tool', () => {
  it('is made outside the tool', async () => {
    const inTool = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const generateReply = line.generateReply.bind(line);
    line.generateReply = (request) => {
      seen.push(inTool.getStore());
      return generateReply(request);
    };
    const reply = inTool.run('record_intent', () => announcer.reply('Hello.'));
    (await speech(0)).failed();
    (await speech(1)).played();
    expect(await reply).toBe('played');
    expect(seen).toEqual([undefined, undefined]);
  });
});

describe('an announcement waits', () => {
  it('until neither side speaks', async () => {
    line.agent('speaking');
    line.user('speaking');
    const reply = announcer.reply('Hello.');
    await settle();
    line.agent('listening');
    await settle();
    expect(line.speeches).toEqual([]);
    line.user('listening');
    (await speech(0)).played();
    expect(await reply).toBe('played');
    expect(line.listening).toBe(0);
  });

  it('while the model thinks', async () => {
    line.agent('thinking');
    const reply = announcer.reply('Hello.');
    await settle();
    expect(line.speeches).toEqual([]);
    line.agent('idle');
    (await speech(0)).played();
    expect(await reply).toBe('played');
  });

  it('for the one before', async () => {
    const first = announcer.reply('First.');
    const second = announcer.reply('Second.');
    await speech(0);
    await settle();
    expect(line.speeches).toHaveLength(1);
    line.speeches[0]?.played();
    (await speech(1)).played();
    expect(await Promise.all([first, second])).toEqual(['played', 'played']);
    expect(line.happened).toEqual(['say First.', 'say Second.']);
  });

  it('not at all where it is wanted at once', async () => {
    line.user('speaking');
    const reply = announcer.reply('Hello.', { at: 'once' });
    (await speech(0)).played();
    expect(await reply).toBe('played');
  });

  it('for nobody where it interrupts', async () => {
    const first = announcer.reply('First.');
    await speech(0);
    const goodbye = announcer.reply('Goodbye.', { at: 'once', interrupt: true });
    (await speech(1)).played();
    expect(await goodbye).toBe('played');
    expect(line.happened).toEqual(['say First.', 'interrupt', 'say Goodbye.']);
    line.speeches[0]?.cutOff();
    expect(await first).toBe('cut_off');
  });
});

describe('an announcement that the model refuses', () => {
  it('is tried once more, in the next lull', async () => {
    const reply = announcer.reply('Hello.');
    const refused = await speech(0);
    line.agent('speaking');
    refused.failed(new Error('conversation_already_has_active_response'));
    await settle();
    expect(line.speeches).toHaveLength(1);
    line.agent('listening');
    (await speech(1)).played();
    expect(await reply).toBe('played');
  });

  it('is given up after that', async () => {
    const reply = announcer.reply('Hello.');
    (await speech(0)).failed();
    (await speech(1)).failed();
    expect(await reply).toBe('unsaid');
    expect(line.speeches).toHaveLength(2);
  });

  it('does not put the caller’s keys into the conversation twice', async () => {
    const reply = announcer.reply(undefined, { keypad: '[pressed 1]' });
    (await speech(0)).failed();
    const again = await speech(1);
    expect(again.request).toEqual({});
    again.played();
    await reply;
  });

  it('is not tried again where one attempt is all there is time for', async () => {
    const reply = announcer.reply('Hello.', { attempts: 1 });
    (await speech(0)).failed();
    expect(await reply).toBe('unsaid');
    expect(line.speeches).toHaveLength(1);
  });

  it('does not stand in the way of the next', async () => {
    const first = announcer.reply('First.', { attempts: 1 });
    const second = announcer.reply('Second.');
    (await speech(0)).failed();
    (await speech(1)).played();
    expect(await Promise.all([first, second])).toEqual(['unsaid', 'played']);
  });
});

describe('an announcement ends', () => {
  it('with the call, while it waits', async () => {
    line.user('speaking');
    const reply = announcer.reply('Hello.');
    await settle();
    call.abort();
    expect(await reply).toBe('unsaid');
    expect(line.speeches).toEqual([]);
    expect(line.listening).toBe(0);
  });

  it('with the call, while it plays', async () => {
    const reply = announcer.reply('Hello.');
    await speech(0);
    call.abort();
    expect(await reply).toBe('unsaid');
  });

  it('at its deadline', async () => {
    line.user('speaking');
    expect(await announcer.reply('Hello.', { deadlineMs: 20 })).toBe('unsaid');
    expect(line.speeches).toEqual([]);
    line.user('listening');
    const stuck = announcer.reply('Hello.', { deadlineMs: 20 });
    expect(await stuck).toBe('unsaid');
  });

  it('quietly where the session has closed', async () => {
    line.closed = true;
    expect(await announcer.reply('Hello.')).toBe('unsaid');
  });
});
