/** So long work in the background stays behind; then it gets a turn, whoever else is there. */
const PATIENCE_MS = 50;

interface Waiting {
  since: number;
  begin: () => Promise<void>;
}

/**
 * Lets nobody who waits for an answer wait behind work that nobody waits for. A store has one connection
 * and does one thing after the other; what follows the end of a call (claims, reads for its completion,
 * settlements) comes in bursts, and an append or a webhook that came into one waited for all of it.
 *
 * ```
 * foreground ──► begins at once
 * background ──► waits ──► begins, alone of its kind, when nothing of the foreground is under way,
 *                          or after 50 ms beside it
 * ```
 *
 * Before each turn of the background the event loop goes round once: what has arrived meanwhile would
 * else be read behind it.
 */
export class BackgroundLine {
  readonly #patienceMs: number;
  readonly #line: Waiting[] = [];
  #foreground = 0;
  #busy = false;
  #timer: NodeJS.Timeout | undefined;

  constructor({ patienceMs = PATIENCE_MS }: { patienceMs?: number } = {}) {
    this.#patienceMs = patienceMs;
  }

  /** Whether anybody waits for an answer, after all that has arrived by now has been read. */
  async isPressed(): Promise<boolean> {
    await new Promise(setImmediate);
    return this.#foreground > 0;
  }

  /** Begins at once. */
  async foreground<T>(work: () => Promise<T>): Promise<T> {
    this.#foreground += 1;
    try {
      return await work();
    } finally {
      this.#foreground -= 1;
      this.#next();
    }
  }

  /** Begins when it is its turn, in the order in which it came. */
  background<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const begin = () => work().then(resolve, reject);
      this.#line.push({ since: performance.now(), begin });
      this.#next();
    });
  }

  #next(): void {
    const first = this.#line[0];
    if (this.#busy || first === undefined) return;
    this.#busy = true;
    clearTimeout(this.#timer);
    setImmediate(() => {
      this.#busy = false;
      const left = first.since + this.#patienceMs - performance.now();
      if (this.#foreground > 0 && left > 0) {
        this.#timer = setTimeout(() => this.#next(), left);
        return;
      }
      this.#busy = true;
      this.#line.shift();
      void first.begin().finally(() => {
        this.#busy = false;
        this.#next();
      });
    });
  }
}
