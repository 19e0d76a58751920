/** What is kept of an answer, for people who look into a failed delivery. */
export const MAX_ANSWER_BYTES = 4096;

/** The beginning of an answer, put together from its pieces. */
export class AnswerBody {
  readonly #maxBytes: number;
  readonly #chunks: Buffer[] = [];
  #length = 0;

  constructor(maxBytes: number = MAX_ANSWER_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** Whether there was as much as is kept, so that more may have followed. */
  get full(): boolean {
    return this.#length >= this.#maxBytes;
  }

  /** `false`: enough, nothing more is kept. */
  push(chunk: Buffer): boolean {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    return !this.full;
  }

  /** What was kept, as it came. */
  bytes(): Buffer {
    return Buffer.concat(this.#chunks, Math.min(this.#length, this.#maxBytes));
  }

  /** At most so many bytes as UTF-8, whatever the bytes were; a character that the cut would split is dropped. */
  text(): string {
    const [first] = this.#chunks;
    if (first === undefined) return '';
    const bytes = this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks, this.#length);
    // Postgres takes no NUL in a text, and replacement characters make the text longer than its bytes.
    const text = bytes.toString('utf8', 0, this.#maxBytes).replaceAll('\0', '');
    if (Buffer.byteLength(text) <= this.#maxBytes) return text;
    const { read } = new TextEncoder().encodeInto(text, new Uint8Array(this.#maxBytes));
    return text.slice(0, read);
  }
}
