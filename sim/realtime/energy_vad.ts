import { PCM_RATE } from './pcm.ts';

/** How the detector decides; times in milliseconds. */
export interface VadSettings {
  /** OpenAI's 0..1 scale; 0.5 is -34 dBFS here, far above comfort noise and far below a voice. */
  threshold: number;
  /** How long it must be loud before it counts as speech. */
  onsetMs: number;
  /** Audio before the onset that still belongs to the utterance; only shifts `audioStartMs`. */
  prefixMs: number;
  /** How long it must be quiet before the utterance is over. */
  silenceMs: number;
}

/** Positions are milliseconds of audio since the detector began to listen. */
export type VadEvent =
  | { kind: 'started'; audioStartMs: number }
  | { kind: 'stopped'; audioEndMs: number };

export const FRAME_MS = 20;
const FRAME_SAMPLES = (PCM_RATE * FRAME_MS) / 1000;

/** RMS of full scale that a threshold of 1 stands for; 0.5 gives 0.02. */
const RMS_AT_FULL_THRESHOLD = 0.04 * 32_768;

/**
 * Tells speech from silence by the loudness of 20 ms frames, on the audio's own clock: the same
 * samples give the same events however fast or in whatever pieces they come.
 *
 *   QUIET ──loud for onsetMs──▶ SPEAKING   (event `started`)
 *   SPEAKING ──quiet for silenceMs──▶ QUIET   (event `stopped`)
 *
 * One quiet frame during the onset, or one loud frame during the silence, starts that count anew.
 */
export class EnergyVad {
  #settings: VadSettings;
  #rest = new Int16Array(0);
  #frames = 0;
  #loudFrames = 0;
  #run = 0;
  #speaking = false;

  constructor(settings: VadSettings) {
    this.#settings = settings;
  }

  /** Takes effect with the next frame; an utterance in progress goes on. */
  configure(settings: VadSettings): void {
    this.#settings = settings;
  }

  get speaking(): boolean {
    return this.#speaking;
  }

  /** Audio looked at so far, in milliseconds. */
  get heardMs(): number {
    return this.#frames * FRAME_MS;
  }

  /** How much of it was loud, in milliseconds. */
  get loudMs(): number {
    return this.#loudFrames * FRAME_MS;
  }

  /** Mono PCM16 at 24 kHz, in pieces of any length. */
  push(pcm: Int16Array): VadEvent[] {
    const samples = this.#rest.length === 0 ? pcm : joined(this.#rest, pcm);
    const events: VadEvent[] = [];
    let at = 0;
    for (; at + FRAME_SAMPLES <= samples.length; at += FRAME_SAMPLES) {
      const event = this.#frame(samples.subarray(at, at + FRAME_SAMPLES));
      if (event) events.push(event);
    }
    this.#rest = samples.slice(at);
    return events;
  }

  #frame(frame: Int16Array): VadEvent | undefined {
    const { threshold, onsetMs, prefixMs, silenceMs } = this.#settings;
    const loud = rms(frame) >= threshold * RMS_AT_FULL_THRESHOLD;
    this.#frames += 1;
    if (loud) this.#loudFrames += 1;
    if (loud === this.#speaking) {
      this.#run = 0;
      return undefined;
    }
    this.#run += 1;
    const lastedMs = this.#run * FRAME_MS;
    if (lastedMs < (this.#speaking ? silenceMs : onsetMs)) return undefined;
    this.#run = 0;
    this.#speaking = loud;
    return loud
      ? { kind: 'started', audioStartMs: Math.max(0, this.heardMs - lastedMs - prefixMs) }
      : { kind: 'stopped', audioEndMs: this.heardMs };
  }
}

function rms(frame: Int16Array): number {
  let sum = 0;
  for (const sample of frame) sum += sample * sample;
  return Math.sqrt(sum / frame.length);
}

function joined(head: Int16Array, tail: Int16Array): Int16Array<ArrayBuffer> {
  const whole = new Int16Array(head.length + tail.length);
  whole.set(head);
  whole.set(tail, head.length);
  return whole;
}
