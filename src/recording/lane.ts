import { SAMPLE_RATE } from './wav.ts';

/**
 * Further off than this, audio is moved to where the clock puts it. Less is jitter: silence put into
 * the middle of a word would be heard.
 */
const TOLERANCE_SAMPLES = (30 * SAMPLE_RATE) / 1_000;

interface Chunk {
  samples: Int16Array;
  /** Where the clock puts its end, in samples from the beginning of the recording. */
  endsAt: number;
}

/**
 * The audio of one track on the clock of the recording. A track gives its audio in real time, so a
 * chunk belongs right behind the one before it, unless there really was a gap. The two look the same
 * when a chunk comes: after a stall of the event loop it is as late as after a pause of the track. What
 * comes behind tells them apart: after a stall everything arrives at once and the delay melts away,
 * after a gap it stays. So a chunk is placed when half a second of what follows is known, by the
 * least delay among all of it.
 */
export class Lane {
  #queue: Chunk[] = [];
  /** Where the next sample belongs if there is no gap. */
  #head = 0;

  /** @param endsAt Where the clock puts the last sample, in samples from the beginning. */
  push(samples: Int16Array, endsAt: number): void {
    if (samples.length > 0) this.#queue.push({ samples, endsAt });
  }

  /** Adds what belongs between `from` and `from + mix.length`; each call goes on where the last ended. */
  mixInto(mix: Float32Array, from: number): void {
    const end = from + mix.length;
    this.#head = Math.max(this.#head, from);
    const least = leastDelays(this.#queue);
    const start = this.#head;
    let moved = 0;
    let done = 0;
    for (const chunk of this.#queue) {
      if (this.#head >= end) break;
      const delay = Math.round((least[done] ?? 0) - start - moved);
      let { samples } = chunk;
      if (delay > TOLERANCE_SAMPLES) {
        moved += delay;
        this.#head += delay;
        if (this.#head >= end) break;
      } else if (delay < -TOLERANCE_SAMPLES) {
        const skipped = Math.min(-delay, samples.length);
        moved -= skipped;
        samples = samples.subarray(skipped);
      }
      const fits = Math.min(samples.length, end - this.#head);
      for (let i = 0; i < fits; i++) {
        const at = this.#head - from + i;
        mix[at] = (mix[at] ?? 0) + (samples[i] ?? 0);
      }
      this.#head += fits;
      if (fits < samples.length) {
        chunk.samples = samples.subarray(fits);
        break;
      }
      done++;
    }
    this.#queue.splice(0, done);
  }
}

/**
 * For each chunk the least of "where the clock puts its end, less everything up to it" among it and
 * those behind it: less the head, that is how late the chunk is for certain.
 */
function leastDelays(queue: readonly Chunk[]): number[] {
  let before = 0;
  const delays = queue.map(({ samples, endsAt }) => {
    before += samples.length;
    return endsAt - before;
  });
  for (let i = delays.length - 2; i >= 0; i--) {
    delays[i] = Math.min(delays[i] ?? 0, delays[i + 1] ?? 0);
  }
  return delays;
}
