/** Says at most every so often how far a soak is: it takes minutes, and nobody waits for silence. */
export class Progress {
  readonly #name: string;
  readonly #everyMs: number;
  readonly #startedAt = Date.now();
  #saidAt = 0;

  constructor(name: string, { everyMs = 10_000 }: { everyMs?: number } = {}) {
    this.#name = name;
    this.#everyMs = everyMs;
  }

  /** Dropped where the last one was said a moment ago. */
  tick(words: () => string): void {
    if (Date.now() - this.#saidAt >= this.#everyMs) this.say(words());
  }

  say(words: string): void {
    this.#saidAt = Date.now();
    const seconds = Math.round((this.#saidAt - this.#startedAt) / 1_000);
    console.log(`${this.#name} ${String(seconds).padStart(4)} s  ${words}`);
  }
}
