import { describe, expect, it } from 'vitest';
import { babble, concat, silence, tone } from '../../../sim/phone/speech.ts';
import { BeepDetector, type BeepEvent } from './beep.ts';

function heard(pcm: Int16Array, pieceMs = 40): BeepEvent[] {
  const detector = new BeepDetector();
  const events: BeepEvent[] = [];
  for (let at = 0; at < pcm.length; at += pieceMs * 8) {
    events.push(...detector.push(pcm.subarray(at, at + pieceMs * 8)));
  }
  return events;
}

const kinds = (events: readonly BeepEvent[]) => events.map(({ kind }) => kind);
const mixed = (...parts: Int16Array[]) =>
  Int16Array.from(parts[0] ?? [], (_, i) => parts.reduce((sum, part) => sum + (part[i] ?? 0), 0));

function noisy(pcm: Int16Array, amplitude: number): Int16Array {
  let noise = 1;
  return pcm.map((sample) => {
    noise = (noise * 16807) % 2147483647; // Park and Miller's generator: repeatable on purpose
    return sample + Math.round(amplitude * (noise / 1073741823 - 1));
  });
}

describe('a beep', () => {
  it.each([420, 440, 487, 620, 850, 1000, 1012, 1400, 1750, 2100])(
    'of %i Hz behind speech is heard, and its end',
    (hz) => {
      const greeting = concat(babble(1_000), silence(200), tone(hz, 400), silence(400));
      expect(kinds(heard(greeting))).toEqual(['began', 'ended']);
    },
  );

  it.each([7, 20, 33, 100])('is heard in pieces of %i ms', (pieceMs) => {
    const [began, ended] = heard(concat(silence(130), tone(1000, 400), silence(300)), pieceMs);
    expect(began?.kind).toBe('began');
    expect(ended?.ms).toBeGreaterThanOrEqual(320);
    expect(ended?.ms).toBeLessThanOrEqual(440);
  });

  it('is heard through noise, and where a packet is lost', () => {
    expect(kinds(heard(concat(noisy(tone(1000, 400, 4000), 600), silence(200))))).toEqual([
      'began',
      'ended',
    ]);
    const lossy = concat(tone(1000, 280), silence(40), tone(1000, 280), silence(200));
    expect(kinds(heard(lossy))).toEqual(['began', 'ended']);
  });

  it.each([
    ['speech', babble(5_000)],
    ['silence', silence(1_000)],
    ['a click of a tone', tone(1000, 120)],
    ['a whisper of a tone', tone(1000, 400, 100)],
    ['a key of the keypad', mixed(tone(697, 500, 5000), tone(1209, 500, 5000))],
    ['ringing', mixed(tone(440, 2_000, 5000), tone(480, 2_000, 5000))],
    ['noise', noisy(silence(2_000), 8000)],
    ['a melody', concat(...[523, 587, 659, 698, 784, 880].map((hz) => tone(hz, 160)))],
  ])('is not %s', (_, pcm) => expect(heard(concat(pcm, silence(300)))).toEqual([]));
});
