import { write, writeSync } from 'node:fs';
import type { DestinationStream } from 'pino';

const MAX_WAITING_CHARACTERS = 8_000_000;
const MAX_CHUNK_CHARACTERS = 64_000;
const RETRY_MS = 20;
/**
 * Between two writes. A line goes out at the end of its turn of the event loop, but one that follows
 * another waits for company: a write each was 80 of the 640 µs that a busy delivery loop needed for a
 * delivery.
 */
const PAUSE_MS = 5;
const MAX_EXIT_FLUSH_MS = 1_000;

/**
 * Writes lines to a file descriptor without ever blocking the event loop, because a reader that
 * stalls must not stop a call's audio; what waits when the process exits is written then, for at
 * most a second.
 *
 * pino's own asynchronous destination is not used: sonic-boom 4.2.1 retries its flush at exit for
 * ever when the reader is gone (EPIPE; seen with `| head -1`), and a call process must end when
 * the worker that read its lines has died. Its synchronous one blocks.
 *
 * - writing: one chunk is under way, or the pause behind it; lines queue up. Beyond 8 million characters they are counted
 *   instead, and the count is told when there is room again.
 * - broken: the reader is gone; lines are dropped.
 */
export class LogStream implements DestinationStream {
  readonly #fd: number;
  #lines: string[] = [];
  #waiting = 0;
  #dropped = 0;
  /** The chunk that a full pipe did not take, until it is tried again. */
  #refused: Buffer | null = null;
  #state: 'idle' | 'writing' | 'broken' = 'idle';

  constructor(fd: number) {
    this.#fd = fd;
    process.once('exit', () => this.#flushAtExit());
  }

  write(line: string): void {
    if (this.#state === 'broken') return;
    if (this.#waiting > MAX_WAITING_CHARACTERS) {
      this.#dropped++;
      return;
    }
    this.#lines.push(line);
    this.#waiting += line.length;
    if (this.#state !== 'idle') return;
    this.#state = 'writing';
    setImmediate(() => this.#writeNext());
  }

  #writeNext(): void {
    const chunk = this.#takeChunk();
    this.#state = chunk ? 'writing' : 'idle';
    if (chunk) this.#writeRest(chunk);
  }

  #writeRest(chunk: Buffer): void {
    this.#refused = null;
    write(this.#fd, chunk, (error, written) => {
      if (error && isBusy(error)) {
        // Not kept alive for a reader that does not read: the flush at exit tries again.
        this.#refused = chunk;
        setTimeout(() => this.#writeRest(chunk), RETRY_MS).unref();
      } else if (error) {
        this.#breakOff();
      } else if (written < chunk.length) {
        this.#writeRest(chunk.subarray(written));
      } else setTimeout(() => this.#writeNext(), PAUSE_MS).unref();
    });
  }

  #takeChunk(): Buffer | null {
    if (this.#dropped > 0 && this.#waiting < MAX_WAITING_CHARACTERS / 2) {
      const time = new Date().toISOString();
      const notice = { level: 'warn', time, dropped: this.#dropped, msg: 'log lines were dropped' };
      this.#lines.push(`${JSON.stringify(notice)}\n`);
      this.#dropped = 0;
    }
    let length = 0;
    let count = 0;
    while (count < this.#lines.length && length < MAX_CHUNK_CHARACTERS) {
      length += this.#lines[count++]?.length ?? 0;
    }
    if (count === 0) return null;
    const text = this.#lines.splice(0, count).join('');
    this.#waiting = Math.max(0, this.#waiting - length);
    return Buffer.from(text);
  }

  /** The chunk under way needs no help: Node waits for its thread pool before it exits. */
  #flushAtExit(): void {
    const deadline = Date.now() + MAX_EXIT_FLUSH_MS;
    let rest = this.#refused;
    while (this.#state !== 'broken' && Date.now() < deadline) {
      rest ??= this.#takeChunk();
      if (!rest) return;
      try {
        const written: number = writeSync(this.#fd, rest);
        rest = written < rest.length ? rest.subarray(written) : null;
      } catch (error) {
        if (isBusy(error)) pause(RETRY_MS);
        else this.#breakOff();
      }
    }
  }

  #breakOff(): void {
    this.#state = 'broken';
    this.#lines = [];
    this.#waiting = 0;
  }
}

function isBusy(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'EAGAIN' || code === 'EBUSY';
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
