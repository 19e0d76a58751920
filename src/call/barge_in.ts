import { AudioFrame } from '@livekit/rtc-node';
import type { BargeInRule } from '../config/profile.ts';

/** How long the caller is quiet before the next word counts as speaking into the agent's again. */
const QUIET_MS = 300;
/** What the model hears from before the word that made it through: its beginning is soft. */
const LEAD_IN_MS = 300;

/**
 * What the model hears of the caller while the agent speaks, where the profile wants some firmness: a
 * cough, a radio or an echo must not cut the agent off. Until the caller has been as loud as `minVolume`
 * for `debounceMs`, the model gets silence; then it gets what was held back, beginning and all, and
 * everything after it.
 *
 * ```
 * open ── the agent speaks, the caller has been quiet for 0.3 s ──► closed
 *   ▲                                                                 │
 *   └──── the agent is silent, or the caller insists ─────────────────┘
 * ```
 */
export class BargeInGate {
  /** To be told: whether the agent's voice is being played. */
  agentSpeaks = false;
  readonly #rule: BargeInRule;
  #open = true;
  #quietMs = QUIET_MS;
  #loudMs = 0;
  #held: AudioFrame[] = [];
  #heldMs = 0;

  constructor(rule: BargeInRule) {
    this.#rule = rule;
  }

  /** The frames for the model, in order. */
  pass(frame: AudioFrame): AudioFrame[] {
    const ms = (frame.samplesPerChannel / frame.sampleRate) * 1_000;
    const loud = volumeOf(frame.data) >= this.#rule.minVolume;
    this.#quietMs = loud ? 0 : this.#quietMs + ms;
    if (!this.agentSpeaks) return [...this.#opened(), frame];
    if (this.#open && this.#quietMs < QUIET_MS) return [frame];
    this.#open = false;
    this.#hold(frame, ms);
    this.#loudMs = loud ? this.#loudMs + ms : 0;
    const insists = loud && this.#loudMs >= this.#rule.debounceMs;
    return insists ? this.#opened() : [silenceLike(frame)];
  }

  /** What was held back of a caller who is just speaking. */
  #opened(): AudioFrame[] {
    const held = this.#loudMs > 0 ? this.#held : [];
    this.#open = true;
    this.#loudMs = 0;
    this.#held = [];
    this.#heldMs = 0;
    return held;
  }

  #hold(frame: AudioFrame, ms: number): void {
    this.#held.push(frame);
    this.#heldMs += ms;
    while (this.#heldMs > LEAD_IN_MS + this.#rule.debounceMs && this.#held.length > 1) {
      const [oldest] = this.#held.splice(0, 1);
      if (oldest) this.#heldMs -= (oldest.samplesPerChannel / oldest.sampleRate) * 1_000;
    }
  }
}

/**
 * From 0, silence (-60 dB of the loudest there is), to 1: as people judge, a person at the phone speaks at
 * 0.5 to 0.7, and the room around is below 0.3.
 */
export function volumeOf(samples: Int16Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const level = Math.sqrt(sum / Math.max(1, samples.length)) / 32_768;
  return level === 0 ? 0 : Math.min(1, Math.max(0, 1 + Math.log10(level) / 3));
}

function silenceLike({ sampleRate, channels, samplesPerChannel }: AudioFrame): AudioFrame {
  const samples = new Int16Array(samplesPerChannel * channels);
  return new AudioFrame(samples, sampleRate, channels, samplesPerChannel);
}
