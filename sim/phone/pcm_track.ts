import { PHONE_RATE } from './wav.ts';

/**
 * Audio on the phone's clock: sample 0 was sent or arrived at `startedAt`
 * (`performance.now()`, ms), every further one 1/8 ms later. Holes are silence.
 */
export class PcmTrack {
  #samples = new Int16Array(PHONE_RATE * 10);
  #length = 0;
  #startedAt: number | undefined;

  /** Undefined until the first sample. */
  get startedAt(): number | undefined {
    return this.#startedAt;
  }

  get length(): number {
    return this.#length;
  }

  start(at: number): void {
    this.#startedAt ??= at;
  }

  write(position: number, samples: Int16Array): void {
    const end = position + samples.length;
    if (position < 0) return;
    if (end > this.#samples.length) {
      const grown = new Int16Array(Math.max(end, this.#samples.length * 2));
      grown.set(this.#samples.subarray(0, this.#length));
      this.#samples = grown;
    }
    this.#samples.set(samples, position);
    this.#length = Math.max(this.#length, end);
  }

  /** A copy of what is between two positions, to the end unless told. */
  samples(from = 0, to = this.#length): Int16Array {
    return this.#samples.slice(from, Math.min(to, this.#length));
  }

  /** The whole track as heard by a clock that began at `origin`, padded in front with silence. */
  alignedTo(origin: number): Int16Array {
    if (this.#startedAt === undefined) return new Int16Array(0);
    const lead = Math.max(0, Math.round(((this.#startedAt - origin) * PHONE_RATE) / 1000));
    const aligned = new Int16Array(lead + this.#length);
    aligned.set(this.#samples.subarray(0, this.#length), lead);
    return aligned;
  }
}
