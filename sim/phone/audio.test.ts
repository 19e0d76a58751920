import { describe, expect, test } from 'vitest';
import { goertzel, hasTone, loudSpan, rms, toneShare, tones } from './audio_analysis.ts';
import { decodeMulaw, encodeMulaw, MULAW_SILENCE } from './mulaw.ts';
import { babble, concat, silence, tone } from './speech.ts';
import { PHONE_RATE, readWav, resample, writeWav } from './wav.ts';

describe('µ-law', () => {
  test('the corners of the code are those of G.711', () => {
    expect([...decodeMulaw(Uint8Array.of(0x00, 0x80, 0xff, 0x7f, 0xfe, 0xf0, 0xef))]).toEqual([
      -32124, 32124, 0, 0, 8, 120, 132,
    ]);
    expect([...encodeMulaw(Int16Array.of(0, 32767, -32768, 8, -8))]).toEqual([
      MULAW_SILENCE,
      0x80,
      0x00,
      0xfe,
      0x7e,
    ]);
  });

  test('every code but minus zero comes back', () => {
    const codes = Uint8Array.from({ length: 256 }, (_, i) => i).filter((code) => code !== 0x7f);
    expect(encodeMulaw(decodeMulaw(codes))).toEqual(codes);
  });

  test('the error stays below a sixteenth of the sample', () => {
    const samples = Int16Array.from({ length: 65_536 }, (_, i) => i - 32_768);
    const decoded = decodeMulaw(encodeMulaw(samples));
    const worst = samples.findIndex(
      (sample, i) => Math.abs(sample - decoded[i]!) > Math.max(4, Math.abs(sample) / 16 + 4),
    );
    expect(worst).toBe(-1);
  });
});

describe('tones', () => {
  test('Goertzel measures the amplitude of its own frequency alone', () => {
    const samples = tone(440, 100, 8000);
    expect(goertzel(samples, 440)).toBeCloseTo(8000, -2);
    expect(goertzel(samples, 700)).toBeLessThan(50);
    expect(rms(samples)).toBeCloseTo(8000 / Math.SQRT2, -2);
  });

  test('each window says which tones are in it, also two at once', () => {
    const both = tone(440, 100).map((sample, i) => sample + tone(700, 100)[i]!);
    const pcm = concat(tone(440, 200), silence(100), both, tone(700, 100));
    const timeline = tones(pcm, [440, 700]);
    expect(timeline.map(({ present }) => present)).toEqual([[440], [440], [], [440, 700], [700]]);
    expect(timeline.map(({ atMs }) => atMs)).toEqual([0, 100, 200, 300, 400]);
    expect(toneShare(timeline, 440)).toBe(0.6);
  });

  test('it survives the line', () => {
    expect(hasTone(decodeMulaw(encodeMulaw(tone(440, 20, 1000))), 440)).toBe(true);
  });

  test('the first and the last sound are found', () => {
    expect(loudSpan(concat(silence(100), tone(500, 60), silence(80)))).toEqual({
      firstMs: 100,
      lastMs: 160,
    });
    expect(loudSpan(silence(100))).toBeUndefined();
  });
});

test('babble is loud all the time, is no tone, and is always the same', () => {
  const speech = babble(1000);
  expect(speech).toHaveLength(PHONE_RATE);
  const timeline = tones(speech, [440, 700], { minShare: 0.5 });
  expect(Math.min(...timeline.map((window) => window.rms))).toBeGreaterThan(500);
  expect(toneShare(timeline, 440)).toBe(0);
  expect(Math.max(...speech)).toBeLessThan(32_767);
  expect(babble(1000)).toEqual(speech);
});

describe('WAV', () => {
  function wav(format: number, channels: number, rate: number, bits: number, data: Buffer): Buffer {
    const head = Buffer.alloc(36);
    head.write('RIFF....WAVELIST', 'latin1');
    head.writeUInt32LE(3, 16); // an odd chunk and its padding byte, to be passed over
    const fmt = Buffer.alloc(24);
    fmt.write('fmt ', 'latin1');
    fmt.writeUInt32LE(16, 4);
    fmt.writeUInt16LE(format, 8);
    fmt.writeUInt16LE(channels, 10);
    fmt.writeUInt32LE(rate, 12);
    fmt.writeUInt16LE(bits, 22);
    const body = Buffer.alloc(8);
    body.write('data', 'latin1');
    body.writeUInt32LE(data.length, 4);
    return Buffer.concat([head.subarray(0, 24), fmt, body, data]);
  }

  test('what is written is read back; the shorter side ends in silence', () => {
    const left = tone(440, 100);
    expect(readWav(writeWav(left))).toEqual(left);
    const stereo = readWav(writeWav(left, left, new Int16Array(0), new Int16Array(0)));
    expect(stereo).toHaveLength(left.length);
    expect(goertzel(stereo, 440)).toBeCloseTo(4000, -2);
  });

  test('µ-law is decoded', () => {
    const samples = tone(440, 100);
    const decoded = readWav(wav(7, 1, 8000, 8, Buffer.from(encodeMulaw(samples))));
    expect(goertzel(decoded, 440)).toBeCloseTo(8000, -3);
  });

  test.each([16_000, 24_000, 44_100, 48_000, 6000])('%i Hz becomes 8 kHz', (rate) => {
    const samples = Int16Array.from({ length: rate / 5 }, (_, i) =>
      Math.round(8000 * Math.sin((2 * Math.PI * 440 * i) / rate)),
    );
    const data = Buffer.from(samples.buffer);
    const line = readWav(wav(1, 1, rate, 16, data));
    expect(line).toHaveLength(1600);
    expect(goertzel(line, 440)).toBeGreaterThan(7000);
  });

  test('resampling an empty track gives an empty track', () => {
    expect(resample(new Int16Array(0), 48_000, 8000)).toHaveLength(0);
  });

  test.each([
    ['no RIFF file', Buffer.from('ID3 and then some text')],
    ['8-bit PCM', wav(1, 1, 8000, 8, Buffer.alloc(8))],
    ['no data', wav(1, 1, 8000, 16, Buffer.alloc(8)).subarray(0, 48)],
  ])('%s is refused', (_, file) => {
    expect(() => readWav(file)).toThrow(expect.objectContaining({ code: 'PHONE_BAD_WAV' }));
  });
});
