import { PHONE_RATE } from './wav.ts';

/**
 * Who is heard, when: a test gives every party a tone of its own and looks for it here. The
 * Goertzel algorithm is one bin of a Fourier transform, which is all a tone needs.
 */

/** From here on a 20 ms packet counts as sound. An idle SIP stack sends an RMS of about 3. */
export const LOUD_RMS = 100;

export function rms(samples: Int16Array): number {
  if (samples.length === 0) return 0;
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.sqrt(sum / samples.length);
}

/** The peak amplitude (0 to 32767) of the sine of `frequency` Hz in these samples. */
export function goertzel(samples: Int16Array, frequency: number): number {
  if (samples.length === 0) return 0;
  const w = (2 * Math.PI * frequency) / PHONE_RATE;
  const coefficient = 2 * Math.cos(w);
  let s1 = 0;
  let s2 = 0;
  for (const sample of samples) {
    const s0 = sample + coefficient * s1 - s2;
    s2 = s1;
    s1 = s0;
  }
  const power = s1 * s1 + s2 * s2 - coefficient * s1 * s2;
  return (2 * Math.sqrt(Math.max(0, power))) / samples.length;
}

export interface ToneRule {
  /** The least amplitude that counts as heard. (Default: 300) */
  minAmplitude?: number;
  /** The least share of the window's energy, 0 to 1, so that speech is no tone. (Default: 0.2) */
  minShare?: number;
}

export function hasTone(samples: Int16Array, frequency: number, rule: ToneRule = {}): boolean {
  const amplitude = goertzel(samples, frequency);
  if (amplitude < (rule.minAmplitude ?? 300)) return false;
  const power = rms(samples) ** 2;
  return amplitude ** 2 / 2 >= power * (rule.minShare ?? 0.2);
}

export interface ToneWindow {
  /** Start of the window, ms from the first sample. */
  atMs: number;
  rms: number;
  /** The asked frequencies that are in it, in Hz. */
  present: number[];
}

/** Which of these tones is in each window (100 ms unless told) of the audio, in order. */
export function tones(
  pcm: Int16Array,
  frequencies: readonly number[],
  options: ToneRule & { windowMs?: number } = {},
): ToneWindow[] {
  const windowMs = options.windowMs ?? 100;
  const size = (windowMs * PHONE_RATE) / 1000;
  const timeline: ToneWindow[] = [];
  for (let at = 0; at + size <= pcm.length; at += size) {
    const window = pcm.subarray(at, at + size);
    timeline.push({
      atMs: (at * 1000) / PHONE_RATE,
      rms: rms(window),
      present: frequencies.filter((frequency) => hasTone(window, frequency, options)),
    });
  }
  return timeline;
}

/** The share of windows, 0 to 1, in which `frequency` is heard; 0 of none is 0. */
export function toneShare(timeline: readonly ToneWindow[], frequency: number): number {
  if (timeline.length === 0) return 0;
  return timeline.filter((window) => window.present.includes(frequency)).length / timeline.length;
}

/** First and last sound in ms from the first sample, in 20 ms steps; undefined when all is silent. */
export function loudSpan(
  pcm: Int16Array,
  minRms: number = LOUD_RMS,
): { firstMs: number; lastMs: number } | undefined {
  const loud = tones(pcm, [], { windowMs: 20 }).filter((window) => window.rms >= minRms);
  const first = loud[0];
  const last = loud.at(-1);
  return first && last ? { firstMs: first.atMs, lastMs: last.atMs + 20 } : undefined;
}
