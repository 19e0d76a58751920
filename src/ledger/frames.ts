import { CallwireError } from '../errors.ts';

/**
 * Messages on the ledger's socket: one JSON value a line. JSON never holds a raw newline, so a
 * line is a frame and a dump of the socket stays readable; a length prefix would save nothing at
 * messages of about 1 KB.
 */
const NEWLINE = 0x0a;

/** What a host takes in one message: an append is at most a few events of 64 KB each. */
export const MAX_FRAME_BYTES = 1024 * 1024;

/** What a client takes: answers are pages of records. */
export const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

export function encodeFrame(message: unknown): string {
  return `${JSON.stringify(message)}\n`;
}

/**
 * Puts frames together again from the pieces in which they arrive. One per socket; after an error
 * the place in the stream is lost, so the socket has to be closed.
 */
export class FrameReader {
  readonly #maxBytes: number;
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * The messages that this piece completes. Throws `LEDGER_FRAME_TOO_LARGE` or
   * `LEDGER_FRAME_INVALID`; the messages before the bad one have been yielded by then.
   */
  *push(piece: Buffer): Generator<unknown, void, void> {
    let start = 0;
    for (
      let end = piece.indexOf(NEWLINE);
      end !== -1;
      start = end + 1, end = piece.indexOf(NEWLINE, start)
    ) {
      this.#keep(piece.subarray(start, end));
      yield this.#take();
    }
    this.#keep(piece.subarray(start));
  }

  #keep(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#bytes += piece.length;
    if (this.#bytes > this.#maxBytes) {
      throw new CallwireError(
        'LEDGER_FRAME_TOO_LARGE',
        `A message on the ledger's socket is larger than ${this.#maxBytes} bytes.`,
      );
    }
    this.#pieces.push(piece);
  }

  #take(): unknown {
    const line = Buffer.concat(this.#pieces, this.#bytes).toString('utf8');
    this.#pieces = [];
    this.#bytes = 0;
    try {
      return JSON.parse(line);
    } catch {
      // The parser's own message quotes the text, which may hold a transcript.
      throw new CallwireError('LEDGER_FRAME_INVALID', "A line on the ledger's socket is no JSON.");
    }
  }
}
