/**
 * Hears the tone behind which an answering machine records: one steady frequency, and hardly anything
 * besides it. Voices have overtones, keypad tones are two frequencies, music does not stay.
 *
 * ```
 * none ── BEEP_MS of the same tone ──► beeping (`began`) ── GAP_FRAMES without ──► none (`ended`)
 * ```
 *
 * Each 40 ms are compared with 73 frequencies by Goertzel's algorithm: 0.1 ms of CPU.
 */
export class BeepDetector {
  #rest = new Int16Array(0);
  #run: { bin: number; loudness: number; frames: number; gap: number } | undefined;
  #beeping = false;

  get beeping(): boolean {
    return this.#beeping;
  }

  /** Mono PCM16 at `BEEP_SAMPLE_RATE`, in pieces of any length. */
  push(pcm: Int16Array): BeepEvent[] {
    const samples = new Int16Array(this.#rest.length + pcm.length);
    samples.set(this.#rest);
    samples.set(pcm, this.#rest.length);
    const events: BeepEvent[] = [];
    let at = 0;
    for (; at + FRAME <= samples.length; at += FRAME) {
      const event = this.#frame(samples.subarray(at, at + FRAME));
      if (event) events.push(event);
    }
    this.#rest = samples.slice(at);
    return events;
  }

  #frame(frame: Int16Array): BeepEvent | undefined {
    const tone = toneOf(frame);
    const run = this.#run;
    if (run && tone && continues(run, tone)) {
      run.frames += 1;
      run.gap = 0;
      if (this.#beeping || run.frames * FRAME_MS < BEEP_MS) return undefined;
      this.#beeping = true;
      return { kind: 'began' };
    }
    // A lost packet is no end.
    if (run && this.#beeping && ++run.gap < GAP_FRAMES) return undefined;
    this.#run = tone && { ...tone, frames: 1, gap: 0 };
    if (!this.#beeping) return undefined;
    this.#beeping = false;
    return { kind: 'ended', ms: (run?.frames ?? 0) * FRAME_MS };
  }
}

export interface BeepEvent {
  kind: 'began' | 'ended';
  /** Of one that has ended, its length. */
  ms?: number;
}

export const BEEP_SAMPLE_RATE = 8_000;

/** Shorter ones are clicks, vowels and single notes; machines beep for 200 ms to 1 s, most for 400. */
const BEEP_MS = 200;
const FRAME_MS = 40;
const FRAME = (BEEP_SAMPLE_RATE * FRAME_MS) / 1_000;
const GAP_FRAMES = 2;

/** 400 to 2200 Hz, a bin each 25 Hz. */
const FIRST_BIN = 16;
const LAST_BIN = 88;
const COEFFICIENTS = Float64Array.from(
  { length: LAST_BIN + 2 },
  (_, bin) => 2 * Math.cos((2 * Math.PI * bin) / FRAME),
);

/** -45 dBFS, far below a beep and above the noise of a line. */
const MIN_RMS = 180;

/** How much of all energy is in the tone: 0.86 between two bins, at most 0.5 for two tones. */
const MIN_PURITY = 0.75;

/** A beep keeps its loudness; what is plucked or sung does not. */
const MAX_LOUDER = 1.5;

interface Tone {
  bin: number;
  loudness: number;
}

function toneOf(frame: Int16Array): Tone | undefined {
  let energy = 0;
  for (const sample of frame) energy += sample * sample;
  const loudness = Math.sqrt(energy / FRAME);
  if (loudness < MIN_RMS) return undefined;
  let best = FIRST_BIN;
  const powers = new Float64Array(LAST_BIN + 2);
  for (let bin = FIRST_BIN - 1; bin <= LAST_BIN + 1; bin++) {
    const power = powerAt(frame, COEFFICIENTS[bin] ?? 0);
    powers[bin] = power;
    if (bin <= LAST_BIN && bin >= FIRST_BIN && power > (powers[best] ?? 0)) best = bin;
  }
  const around = (powers[best - 1] ?? 0) + (powers[best] ?? 0) + (powers[best + 1] ?? 0);
  // By Parseval a sine of this frame has the power energy * FRAME / 2 in its bin.
  return (2 * around) / (energy * FRAME) < MIN_PURITY ? undefined : { bin: best, loudness };
}

function powerAt(frame: Int16Array, coefficient: number): number {
  let one = 0;
  let two = 0;
  for (const sample of frame) {
    const now = sample + coefficient * one - two;
    two = one;
    one = now;
  }
  return one * one + two * two - coefficient * one * two;
}

function continues(run: Tone, tone: Tone): boolean {
  const louder = Math.max(run.loudness, tone.loudness) / Math.min(run.loudness, tone.loudness);
  return Math.abs(run.bin - tone.bin) <= 1 && louder <= MAX_LOUDER;
}
