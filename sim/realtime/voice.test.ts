import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ToneWindow, tones } from '../phone/audio_analysis.ts';
import { espeakVoice, readWav } from './espeak_voice.ts';
import { msOfSamples, samplesOfMs } from './pcm.ts';
import {
  BODY_HZ,
  END_HZ,
  MARKER_MS,
  MS_PER_CHARACTER,
  START_HZ,
  speechMs,
  toneSpeech,
} from './voice.ts';

const signal = new AbortController().signal;

/** What a telephone's recording would show: 8 kHz, the tones in each window of 100 ms. */
function heard(pcm: Int16Array): number[][] {
  const phone = pcm.filter((_, i) => i % 3 === 0);
  return tones(phone, [300, START_HZ, BODY_HZ, END_HZ]).map(({ present }: ToneWindow) => present);
}

describe('the tone voice', () => {
  it('is a start marker, a body as long as the text, and an end marker', () => {
    const text = 'x'.repeat(20);
    const pcm = toneSpeech(text);
    expect(msOfSamples(pcm.length)).toBe(speechMs(text));
    expect(speechMs(text)).toBe(2 * MARKER_MS + 20 * MS_PER_CHARACTER);
    const body = Array<number[]>((20 * MS_PER_CHARACTER) / 100).fill([BODY_HZ]);
    expect(heard(pcm)).toEqual([[START_HZ], [START_HZ], ...body, [END_HZ], [END_HZ]]);
  });

  it('shows by the missing end marker that it was cut off', () => {
    const pcm = toneSpeech('x'.repeat(20));
    expect(heard(pcm.subarray(0, samplesOfMs(1_000))).flat()).not.toContain(END_HZ);
  });

  it('gives the same samples for the same text', () => {
    expect(toneSpeech('Hello')).toEqual(toneSpeech('Hello'));
  });
});

describe('the espeak voice', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'espeak-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** A program in espeak-ng's place: notes that it ran, then writes 100 ms of 300 Hz. */
  async function fakeEspeak(): Promise<string> {
    const pcm = new Int16Array(2_205);
    pcm.forEach((_, i) => {
      pcm[i] = Math.round(8_000 * Math.sin((2 * Math.PI * 300 * i) / 22_050));
    });
    await writeFile(join(folder, 'speech.wav'), wavOf(pcm, 22_050));
    const command = join(folder, 'espeak-ng');
    await writeFile(command, `#!/bin/sh\ncat >> ${folder}/said\ncat ${folder}/speech.wav\n`);
    await chmod(command, 0o755);
    return command;
  }

  it('brings the program’s audio to 24 kHz and speaks each text only once', async () => {
    const voice = espeakVoice({ command: await fakeEspeak() });
    const pcm = await voice('-Hello', signal);
    expect(pcm.length).toBe(2_400);
    expect(heard(pcm)).toEqual([[300]]);
    expect(await voice('-Hello', signal)).toBe(pcm);
    expect(await readFile(join(folder, 'said'), 'utf8')).toBe('-Hello');
  });

  it('falls back to tones where the program is missing, and tells so once', async () => {
    const told: Error[] = [];
    const voice = espeakVoice({
      command: join(folder, 'missing'),
      onFallback: (error) => told.push(error),
    });
    expect(await voice('Hello', signal)).toEqual(toneSpeech('Hello'));
    expect(await voice('Bye', signal)).toEqual(toneSpeech('Bye'));
    expect(told).toHaveLength(1);
  });

  it('refuses what is not mono PCM16', () => {
    expect(() => readWav(Buffer.from('no sound at all'))).toThrow('not a WAV file');
  });
});

/** With the placeholder sizes that espeak-ng writes to a pipe. */
function wavOf(pcm: Int16Array, rate: number): Buffer {
  const head = Buffer.alloc(44);
  head.write('RIFF', 0, 'latin1');
  head.writeUInt32LE(0x7fff_ffff, 4);
  head.write('WAVEfmt ', 8, 'latin1');
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(rate * 2, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36, 'latin1');
  head.writeUInt32LE(0x7fff_ffff, 40);
  return Buffer.concat([head, Buffer.from(pcm.buffer)]);
}
