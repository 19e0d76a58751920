import { PCM_RATE, samplesOfMs } from './pcm.ts';

/** Turns a text into mono PCM16 at 24 kHz. */
export type Voice = (text: string, signal: AbortSignal) => Promise<Int16Array>;

/** Every utterance begins with this tone … */
export const START_HZ = 600;
/** … sounds like this in between … */
export const BODY_HZ = 440;
/** … and ends with this one, so that a recording without it was cut off. */
export const END_HZ = 900;
export const MARKER_MS = 200;
export const MS_PER_CHARACTER = 55;

/** Peak sample; -12 dBFS, as loud as a person close to the telephone. */
export const AMPLITUDE = 8_000;

/** Ramps at the tones' edges; without them a click spreads over all frequencies. */
const RAMP_MS = 5;

/** Syllables: the body's loudness sways this often per second, between 60 % and 100 %. */
const SYLLABLES_PER_SECOND = 4;

/** How long the tone voice needs for a text, its two markers included. */
export function speechMs(text: string): number {
  return 2 * MARKER_MS + text.length * MS_PER_CHARACTER;
}

/**
 * A text as an audible code: START_HZ, then BODY_HZ for as long as the text takes to say, then
 * END_HZ. The same text always gives the same samples. Pure tones and no harmonics: 880 Hz, the
 * body's second, would look like the end marker in a 100 ms window.
 */
export function toneSpeech(text: string): Int16Array {
  const marker = samplesOfMs(MARKER_MS);
  const body = samplesOfMs(text.length * MS_PER_CHARACTER);
  const pcm = new Int16Array(2 * marker + body);
  writeTone(pcm.subarray(0, marker), START_HZ);
  writeTone(pcm.subarray(marker, marker + body), BODY_HZ, SYLLABLES_PER_SECOND);
  writeTone(pcm.subarray(marker + body), END_HZ);
  return pcm;
}

export const toneVoice: Voice = (text) => Promise.resolve(toneSpeech(text));

/** Fills `out` with a tone; `swaysPerSecond` modulates its loudness. */
export function writeTone(out: Int16Array, hz: number, swaysPerSecond = 0): void {
  const ramp = samplesOfMs(RAMP_MS);
  for (let i = 0; i < out.length; i++) {
    const t = i / PCM_RATE;
    const edge = Math.min(1, i / ramp, (out.length - 1 - i) / ramp);
    const sway = swaysPerSecond ? 0.8 + 0.2 * Math.cos(2 * Math.PI * swaysPerSecond * t) : 1;
    out[i] = Math.round(AMPLITUDE * edge * sway * Math.sin(2 * Math.PI * hz * t));
  }
}
