/** What is kept of an answer, for people who look into a failed delivery. */
export const MAX_ANSWER_BYTES = 4096;

/** The first 4 KB of an answer, put together from its pieces. */
export class AnswerBody {
  readonly #chunks: Buffer[] = [];
  #length = 0;

  /** `false`: enough, nothing more is kept. */
  push(chunk: Buffer): boolean {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    return this.#length < MAX_ANSWER_BYTES;
  }

  /** At most 4 KB as UTF-8, whatever the bytes were; a character that the cut would split is dropped. */
  text(): string {
    const [first] = this.#chunks;
    if (first === undefined) return '';
    const bytes = this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks, this.#length);
    // Postgres takes no NUL in a text, and replacement characters make the text longer than its bytes.
    const text = bytes.toString('utf8', 0, MAX_ANSWER_BYTES).replaceAll('\0', '');
    if (Buffer.byteLength(text) <= MAX_ANSWER_BYTES) return text;
    const { read } = new TextEncoder().encodeInto(text, new Uint8Array(MAX_ANSWER_BYTES));
    return text.slice(0, read);
  }
}
