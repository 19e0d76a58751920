import { lstat } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { CallwireError } from '../errors.ts';
import { fromWireError } from '../store/error_wire.ts';
import type { HeldLease } from '../store/store.ts';
import { encodeFrame, FrameReader, MAX_ANSWER_BYTES, MAX_FRAME_BYTES } from './frames.ts';
import { type ClientMessage, type HostMessage, hello, hostMessageSchema } from './protocol.ts';

/** A socket on this machine connects at once or not at all; a host too busy to accept is not one. */
const CONNECT_TIMEOUT_MS = 2_000;

export interface ConnectionOptions {
  path: string;
  held: HeldLease | null;
  /** Acknowledgements and fences; answers to requests are dealt with here. */
  onMessage?: (message: HostMessage) => void;
  /** Once, whatever ended it. */
  onClose?: () => void;
  onDrain?: () => void;
}

type Asked = { resolve: (value: unknown) => void; reject: (error: unknown) => void };

/**
 * One connection to a ledger host, seen from a client: greeted, framed, with requests and their
 * answers matched. It does not come back once closed; that is `LedgerClient`'s part.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #asked = new Map<number, Asked>();
  #lastRequest = 0;

  private constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    const frames = new FrameReader(MAX_ANSWER_BYTES);
    socket.on('data', (piece) => {
      try {
        for (const frame of frames.push(piece)) this.#take(hostMessageSchema.parse(frame));
      } catch {
        // Whatever answers there does not speak our language: reconnecting is all there is.
        socket.destroy();
      }
    });
    socket.on('drain', () => options.onDrain?.());
    socket.on('close', () => {
      for (const { reject } of this.#asked.values()) reject(lostError());
      this.#asked.clear();
      options.onClose?.();
    });
    socket.write(encodeFrame(hello(options.held)));
  }

  /** Rejects with `LEDGER_UNAVAILABLE` when nobody listens and `LEDGER_SOCKET_OWNER` for a foreign one. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    await refuseForeignSocket(options.path);
    const socket = createConnection({ path: options.path });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(lostError()), CONNECT_TIMEOUT_MS);
    socket.once('connect', resolve);
    // It stays for good: behind 'connect' it does nothing, and 'close' says all that matters.
    socket.on('error', (cause) => reject(lostError(cause)));
    try {
      await promise;
      return new Connection(socket, options);
    } catch (error) {
      socket.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  get closed(): boolean {
    return this.#socket.destroyed || !this.#socket.writable;
  }

  /** The socket's buffer is full: wait for `onDrain`. */
  get congested(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** The append is given as its text, which has been made once for spool and socket. */
  sendAppend(n: number, json: string): void {
    this.#socket.write(`{"t":"append","n":${n},"append":${json}}\n`);
  }

  request(method: string, params: unknown, signal: AbortSignal): Promise<unknown> {
    return this.#ask((n) => ({ t: 'request', n, method, params: params ?? null }), signal);
  }

  /** An operation of the store, for commands. */
  storeRequest(method: string, args: unknown[], signal: AbortSignal): Promise<unknown> {
    return this.#ask((n) => ({ t: 'store', n, method, args }), signal);
  }

  close(): void {
    this.#socket.destroySoon();
  }

  #ask(message: (n: number) => ClientMessage, signal: AbortSignal): Promise<unknown> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.closed) return Promise.reject(lostError());
    const n = ++this.#lastRequest;
    const frame = encodeFrame(message(n));
    if (Buffer.byteLength(frame) > MAX_FRAME_BYTES) {
      return Promise.reject(
        new CallwireError(
          'LEDGER_REQUEST_TOO_LARGE',
          `A request to the ledger is over ${MAX_FRAME_BYTES} bytes.`,
        ),
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const abort = () => {
      this.#asked.delete(n);
      if (!this.closed) this.#socket.write(encodeFrame({ t: 'cancel', n }));
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    this.#asked.set(n, { resolve, reject });
    this.#socket.write(frame);
    return promise.finally(() => signal.removeEventListener('abort', abort));
  }

  #take(message: HostMessage): void {
    if (message.t !== 'answer' && message.t !== 'failure') {
      this.#options.onMessage?.(message);
      return;
    }
    const asked = this.#asked.get(message.n);
    this.#asked.delete(message.n);
    if (message.t === 'answer') asked?.resolve(message.value);
    else asked?.reject(fromWireError(message.error));
  }
}

/**
 * In a shared temp folder anybody can listen under our name, and an acknowledgement from them would
 * be a lie about a caller's data. The folder is sticky, so a socket of ours cannot be replaced.
 */
async function refuseForeignSocket(path: string): Promise<void> {
  const found = await lstat(path).catch((cause: unknown) => {
    throw lostError(cause);
  });
  if (found.uid === process.getuid?.()) return;
  throw new CallwireError('LEDGER_SOCKET_OWNER', `The socket ${path} belongs to another user.`, {
    retryable: true,
    remedy: 'Run this as the user who runs the worker, or remove the file.',
  });
}

function lostError(cause?: unknown): CallwireError {
  return new CallwireError('LEDGER_UNAVAILABLE', "The ledger's host cannot be reached.", {
    retryable: true,
    remedy: 'Start the worker: npm run agent start.',
    cause,
  });
}
