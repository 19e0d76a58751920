import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AnsweredBy } from '../../events/vocabulary.ts';
import { Hearing, MONOLOGUE_MS, type Verdict, WORDS_LIMIT_MS } from './hearing.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const GREETING = 'Good day to you from all of us here at Northwind of Springfield.';

function listen(options: { silenceMs?: number; limitMs?: number } = {}) {
  const asked: string[] = [];
  const answers: ((kind: AnsweredBy) => void)[] = [];
  const ending = new AbortController();
  const hearing = new Hearing({
    limitMs: 60_000,
    ...options,
    signal: ending.signal,
    judge: (text, signal) => {
      asked.push(text);
      return new Promise((resolve) => {
        answers.push(resolve);
        signal.addEventListener('abort', () => resolve('unknown'));
      });
    },
  });
  let verdict: Verdict | undefined;
  void hearing.verdict.then((decided) => {
    verdict = decided;
  });
  const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);
  return {
    hearing,
    asked,
    answers,
    ending,
    settle,
    verdict: async (ms = 0) => {
      await settle(ms);
      return verdict && ([verdict.kind, verdict.by] as const);
    },
    says: (text: string, ms: number) => {
      hearing.began();
      hearing.ended(ms);
      hearing.words(text);
    },
  };
}

describe('who has answered', () => {
  it('is nobody known when nobody speaks: silence is no machine', async () => {
    const line = listen({ silenceMs: 2_500 });
    expect(await line.verdict(2_400)).toBe(undefined);
    expect(await line.verdict(100)).toEqual(['unknown', 'silence']);
  });

  it('is a person who says a few words and waits', async () => {
    const line = listen({ silenceMs: 2_500 });
    line.says('Lovelace.', 900);
    expect(await line.verdict()).toEqual(['person', 'length']);
  });

  it('is a person whose few words are not transcribed in time', async () => {
    const line = listen();
    line.hearing.began();
    line.hearing.ended(900);
    expect(await line.verdict(WORDS_LIMIT_MS - 1)).toBe(undefined);
    expect(await line.verdict(1)).toEqual(['person', 'length']);
  });

  it('is not decided by a noise without words; behind it silence is waited for anew', async () => {
    const line = listen({ silenceMs: 2_500 });
    await line.settle(2_000);
    line.says('', 300);
    expect(await line.verdict(2_400)).toBe(undefined);
    expect(await line.verdict(100)).toEqual(['unknown', 'silence']);
  });

  it('is a machine at the first words that only machines say, whoever still speaks', async () => {
    const line = listen();
    line.hearing.began();
    line.hearing.ended(1_500);
    line.hearing.began();
    line.hearing.words('You have reached Ada Lovelace.');
    expect(await line.verdict()).toEqual(['machine', 'words']);
  });

  it('is a machine whose words only make sense together', async () => {
    const line = listen();
    line.hearing.began();
    line.hearing.ended(2_000);
    line.hearing.began();
    line.hearing.words('Please leave your name and number after');
    expect(await line.verdict()).toEqual(['machine', 'words']);
  });

  it('is what beeps', async () => {
    const line = listen();
    line.hearing.beep();
    expect(await line.verdict()).toEqual(['machine', 'beep']);
  });

  it('is a receptionist, however long the name of the company', async () => {
    const line = listen();
    line.says(`${GREETING} This is Jane, how may I help you?`, 6_000);
    expect(await line.verdict()).toEqual(['person', 'words']);
    expect(line.asked).toEqual([]);
  });

  it.each(['machine', 'ivr', 'screening', 'person'] as const)(
    'is what the text model says of a longer text: %s',
    async (kind) => {
      const line = listen();
      line.says(GREETING, 4_000);
      expect(await line.verdict()).toBe(undefined);
      expect(line.asked).toEqual([GREETING]);
      line.answers[0]?.(kind);
      expect(await line.verdict()).toEqual([kind, 'model']);
    },
  );

  it('is a person where the text model cannot tell', async () => {
    const line = listen();
    line.says(GREETING, 4_000);
    line.answers[0]?.('unknown');
    expect(await line.verdict()).toEqual(['person', 'length']);
  });

  it('is asked again when more is said, and the answer to less of it is forgotten', async () => {
    const line = listen();
    line.says(GREETING, 4_000);
    line.hearing.began();
    line.answers[0]?.('person');
    expect(await line.verdict()).toBe(undefined);
    line.hearing.ended(2_000);
    line.hearing.words('We are here for you.');
    line.answers[1]?.('machine');
    expect(await line.verdict()).toEqual(['machine', 'model']);
    expect(line.asked[1]).toBe(`${GREETING} We are here for you.`);
  });

  it('is a machine that talks without an end, unless the text model knows better', async () => {
    const machine = listen();
    const person = listen();
    for (const line of [machine, person]) {
      line.hearing.began();
      line.hearing.ended(4_000);
      line.hearing.began();
      line.hearing.words(GREETING);
      await line.settle(MONOLOGUE_MS / 2);
    }
    await machine.settle(MONOLOGUE_MS / 2);
    machine.answers[0]?.('unknown');
    expect(await machine.verdict()).toEqual(['machine', 'length']);
    person.answers[0]?.('person');
    expect(await person.verdict()).toEqual(['person', 'model']);
  });

  it('is nobody known where a street goes on for ever without a word', async () => {
    const line = listen();
    line.hearing.began();
    expect(await line.verdict(MONOLOGUE_MS)).toEqual(['unknown', 'length']);
  });

  it('is who comes on behind "please hold", for which it is waited', async () => {
    const line = listen({ silenceMs: 2_500 });
    line.says('Hello, one moment please.', 1_400);
    expect(await line.verdict(20_000)).toBe(undefined);
    line.says('Ada speaking.', 800);
    expect(await line.verdict()).toEqual(['person', 'length']);
  });

  it('is nobody known when the time is over, or the call is', async () => {
    const late = listen({ limitMs: 5_000 });
    expect(await late.verdict(5_000)).toEqual(['unknown', 'limit']);
    const ended = listen();
    ended.ending.abort();
    expect(await ended.verdict()).toEqual(['unknown', 'limit']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is decided once', async () => {
    const line = listen();
    line.hearing.beep();
    line.says('Hello?', 500);
    expect(await line.verdict(60_000)).toEqual(['machine', 'beep']);
    expect(vi.getTimerCount()).toBe(0);
  });
});
