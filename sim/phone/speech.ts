import { PHONE_RATE } from './wav.ts';

/** Made-up audio for tests: who speaks is told by a tone, that somebody speaks by babble. */

function sampleCount(ms: number): number {
  return Math.round((ms * PHONE_RATE) / 1000);
}

export function tone(frequency: number, ms: number, amplitude = 8000): Int16Array {
  const w = (2 * Math.PI * frequency) / PHONE_RATE;
  return Int16Array.from({ length: sampleCount(ms) }, (_, i) =>
    Math.round(amplitude * Math.sin(w * i)),
  );
}

export function silence(ms: number): Int16Array {
  return new Int16Array(sampleCount(ms));
}

export function concat(...parts: Int16Array[]): Int16Array {
  const whole = new Int16Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Rough formants of an open vowel: [Hz, width in Hz, gain]. */
const FORMANTS = [
  [700, 130, 1],
  [1220, 170, 0.5],
  [2600, 250, 0.2],
] as const;

/**
 * Voice-like sound that says nothing: a gliding 120 Hz voice with vowel formants, about four
 * syllables a second, a breath of noise. Loud enough for any energy detector, the same every time.
 */
export function babble(ms: number): Int16Array {
  const out = new Int16Array(sampleCount(ms));
  let phase = 0;
  let noise = 1;
  for (let i = 0; i < out.length; i++) {
    const t = i / PHONE_RATE;
    const pitch = 120 + 25 * Math.sin(2 * Math.PI * 0.7 * t);
    phase = (phase + pitch / PHONE_RATE) % 1;
    let voice = 0;
    for (let harmonic = 1; harmonic * pitch < 3400; harmonic++) {
      let gain = 0;
      for (const [centre, width, weight] of FORMANTS) {
        gain += weight * Math.exp(-(((harmonic * pitch - centre) / width) ** 2));
      }
      voice += (0.08 + gain) * Math.sin(2 * Math.PI * harmonic * phase);
    }
    noise = (noise * 16807) % 2147483647; // Park and Miller's generator: repeatable on purpose
    const syllable = 0.25 + 0.75 * Math.sin(Math.PI * 4 * t) ** 2;
    out[i] = Math.round(2500 * syllable * (voice + 0.1 * (noise / 1073741823 - 1)));
  }
  return out;
}
