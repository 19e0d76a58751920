import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { silence, tone } from '../../../sim/phone/speech.ts';
import { Answerer, type Turn } from './answerer.ts';
import type { Verdict } from './hearing.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

const PIECE_MS = 40;

function line() {
  const ending = new AbortController();
  const answerer = new Answerer({ signal: ending.signal, judge: async () => 'unknown' });
  let atMs = 0;
  const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);
  const play = async (pcm: Int16Array) => {
    for (let at = 0; at < pcm.length; at += PIECE_MS * 8) {
      answerer.sound(pcm.subarray(at, at + PIECE_MS * 8));
      await settle(PIECE_MS);
    }
  };
  return {
    answerer,
    ending,
    settle,
    /** A tone on the line, which the model may take for speech. */
    beep: async (ms: number) => {
      await play(tone(1000, ms));
      await play(silence(120));
    },
    begins: () => {
      answerer.take({ type: 'input_audio_buffer.speech_started', ...{ audio_start_ms: atMs } });
    },
    /** What the model reports includes 300 ms before the speech and 400 ms behind it. */
    ends: (spokenMs: number) => {
      atMs += spokenMs + 700;
      answerer.take({ type: 'input_audio_buffer.speech_stopped', ...{ audio_end_ms: atMs } });
    },
    words: (transcript: string) => {
      const type = 'conversation.item.input_audio_transcription.completed';
      answerer.take({ type, ...{ transcript } });
    },
  };
}

async function now<T>(promise: Promise<T>): Promise<T | undefined> {
  let value: T | undefined;
  void promise.then((settled) => {
    value = settled;
  });
  await vi.advanceTimersByTimeAsync(0);
  return value;
}

describe('whoever has answered', () => {
  it('is heard by the length of what they said', async () => {
    const { answerer, begins, ends, words } = line();
    const short = answerer.hear({ limitMs: 60_000 });
    begins();
    ends(2_400);
    words('Northwind.');
    expect(await now(short)).toMatchObject({ kind: 'person', by: 'length', text: 'Northwind.' });
    const long = answerer.hear({ limitMs: 60_000 });
    begins();
    ends(2_600);
    words('Northwind of Springfield.');
    // The text model was asked.
    expect(await now(long)).toMatchObject({ kind: 'person', by: 'length' });
  });

  it('is heard on, in the middle of an utterance', async () => {
    const { answerer, begins, ends, words } = line();
    begins();
    const verdict = answerer.hear({ silenceMs: 100, limitMs: 60_000 });
    await vi.advanceTimersByTimeAsync(200);
    ends(1_500);
    words('Please leave a message.');
    expect(await now(verdict)).toMatchObject({ kind: 'machine', by: 'words' });
  });

  it('is a machine when it beeps behind its words', async () => {
    const { answerer, begins, ends, beep } = line();
    begins();
    ends(900);
    const verdict: Promise<Verdict> = answerer.hear({ limitMs: 60_000 });
    await beep(400);
    expect(await now(verdict)).toMatchObject({ kind: 'machine', by: 'beep' });
  });

  it('is no machine for the click of its telephone, but for a tone that lasts', async () => {
    const { answerer, beep } = line();
    const verdict = answerer.hear({ limitMs: 60_000 });
    await beep(400);
    expect(await now(verdict)).toBe(undefined);
    await beep(1_200);
    expect(await now(verdict)).toMatchObject({ kind: 'machine', by: 'beep' });
  });

  it('is no machine for what rings behind it', async () => {
    const { answerer, begins, ends, beep } = line();
    begins();
    ends(900);
    const verdict = answerer.hear({ limitMs: 60_000, beeps: false });
    await beep(1_200);
    expect(await now(verdict)).toBe(undefined);
  });

  it('survives events that are not what they should be', () => {
    const { answerer } = line();
    answerer.take({ type: 'input_audio_buffer.speech_started' });
    answerer.take({ type: 'input_audio_buffer.speech_stopped', ...{ audio_end_ms: 'x' } });
    answerer.take({ type: 'conversation.item.input_audio_transcription.completed' });
    answerer.take({});
    expect(answerer.speaking).toBe(false);
  });
});

describe('the turn of a machine is over', () => {
  const LIMITS = { quietMs: 5_000, limitMs: 60_000 };

  it('when its beep has ended, and not before', async () => {
    const { answerer, begins, ends, beep } = line();
    begins();
    ends(4_000);
    const turn: Promise<Turn> = answerer.turn(LIMITS);
    answerer.sound(tone(1000, 400));
    expect(await now(turn)).toBe(undefined);
    await beep(400);
    expect(await now(turn)).toBe('beep');
  });

  it('when it has beeped already, but not if it has spoken since', async () => {
    const { answerer, begins, ends, beep } = line();
    begins();
    ends(4_000);
    await beep(400);
    expect(await now(answerer.turn(LIMITS))).toBe('beep');
    begins();
    expect(await now(answerer.turn(LIMITS))).toBe(undefined);
  });

  it('when it has been quiet for so long, counted from its last word', async () => {
    const { answerer, begins, ends, settle } = line();
    begins();
    ends(4_000);
    await settle(3_000);
    const turn = answerer.turn(LIMITS);
    begins();
    await settle(10_000);
    ends(10_000);
    await settle(4_900);
    expect(await now(turn)).toBe(undefined);
    await settle(100);
    expect(await now(turn)).toBe('quiet');
  });

  it('at the latest when the time is over, or the call', async () => {
    const { answerer, begins, settle, ending } = line();
    begins();
    const endless = answerer.turn(LIMITS);
    await settle(60_000);
    expect(await now(endless)).toBe('limit');
    const cut = answerer.turn(LIMITS);
    ending.abort();
    expect(await now(cut)).toBe('limit');
    expect(vi.getTimerCount()).toBe(0);
  });
});
