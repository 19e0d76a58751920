import type { Socket } from 'node:net';
import { logger } from '../config/log.ts';
import { CallwireError } from '../errors.ts';
import { toWireError } from '../store/error_wire.ts';
import type { AppendResult, Store } from '../store/store.ts';
import { encodeFrame, FrameReader, MAX_ANSWER_BYTES, MAX_FRAME_BYTES } from './frames.ts';
import type { GroupCommit } from './group_commit.ts';
import type { LeaseKeeper } from './leases.ts';
import {
  appendSchema,
  type ClientMessage,
  clientMessageSchema,
  endsCall,
  type HostMessage,
} from './protocol.ts';

/**
 * What the worker answers to a call process's `request`. The signal aborts when the client gives up
 * or is gone, and only then: a request may wait for as long as its call lasts.
 */
export type RequestHandlers = Record<
  string,
  (params: unknown, signal: AbortSignal) => Promise<unknown>
>;

/**
 * The operations that a command may ask of the running worker's store. None of them writes to the
 * ledger or touches a lease or claim: those belong to the worker alone.
 */
export const ADMIN_METHODS = [
  'getCall',
  'listCalls',
  'countLiveCalls',
  'listCallEvents',
  'eventsAfter',
  'lastPosition',
  'listFacts',
  'nextDueAt',
  'listDeliveries',
  'getDelivery',
  'listAttempts',
  'replayDeliveries',
  'findContacts',
  'getContact',
  'importContacts',
  'listContactEntries',
  'createEndpoint',
  'getEndpoint',
  'listEndpoints',
  'updateEndpoint',
  'deleteEndpoint',
  'rotateEndpointSecret',
  'resealSecrets',
  'testEndpoint',
  'createTrigger',
  'getTrigger',
  'listTriggers',
  'deleteTrigger',
  'createApiKey',
  'listApiKeys',
  'revokeApiKey',
  'redactCall',
  'addSuppression',
  'importSuppressions',
  'getSuppression',
  'listSuppressions',
  'deleteSuppression',
  'getRecording',
] as const satisfies readonly (keyof Store)[];

/** Unanswered appends of one client at which its socket is read no further. */
const PENDING_HIGH = 1_000;
const PENDING_LOW = 500;

export interface HostSessionOptions {
  socket: Socket;
  store: Pick<Store, (typeof ADMIN_METHODS)[number]>;
  commits: GroupCommit;
  leases: LeaseKeeper;
  requests: RequestHandlers;
  onClose: (session: HostSession) => void;
}

/** One client's connection at the host. Garbage ends the connection, never the host. */
export class HostSession {
  readonly #socket: Socket;
  readonly #options: HostSessionOptions;
  readonly #log = logger('ledger');
  readonly #asked = new Map<number, AbortController>();
  #pid: number | null = null;
  #pending = 0;
  #closed = false;
  #onAnswered: (() => void) | null = null;

  constructor(options: HostSessionOptions) {
    this.#options = options;
    this.#socket = options.socket;
    const frames = new FrameReader(MAX_FRAME_BYTES);
    this.#socket.on('data', (piece) => {
      try {
        for (const frame of frames.push(piece)) this.#take(clientMessageSchema.parse(frame));
      } catch (error) {
        // zod's issues name the place; neither they nor ours quote the value.
        this.#log.warn({ err: error }, 'a client of the ledger sent garbage and is disconnected');
        this.#socket.destroy();
      }
    });
    this.#socket.on('error', () => {}); // 'close' follows
    this.#socket.on('close', () => {
      this.#closed = true;
      for (const controller of this.#asked.values()) controller.abort();
      this.#settleIfDone();
    });
  }

  /** Somebody else has the call. */
  fence(callId: string): void {
    this.#send({ t: 'fenced', callId });
  }

  /** Reads no more, answers what it has read, and hangs up; at once when the signal aborts. */
  async close(signal: AbortSignal): Promise<void> {
    this.#socket.pause();
    const abort = () => this.#socket.destroy();
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    if (this.#pending === 0) this.#socket.destroySoon();
    else this.#onAnswered = () => this.#socket.destroySoon();
    if (!this.#closed) await new Promise((resolve) => this.#socket.once('close', resolve));
    signal.removeEventListener('abort', abort);
  }

  #take(message: ClientMessage): void {
    if (message.t === 'hello') {
      this.#pid = message.pid;
      if (message.held) this.#options.leases.hold(message.held, message.pid, this);
      return;
    }
    if (this.#pid === null) {
      throw new CallwireError('LEDGER_NO_HELLO', 'A client of the ledger did not greet first.');
    }
    switch (message.t) {
      case 'append':
        this.#append(message.n, message.append, this.#pid);
        return;
      case 'request':
        this.#answer(message.n, (signal) => this.#request(message.method, message.params, signal));
        return;
      case 'store':
        this.#answer(message.n, () => this.#storeRequest(message.method, message.args));
        return;
      case 'cancel':
        this.#asked.get(message.n)?.abort();
        return;
    }
  }

  #append(n: number, given: unknown, pid: number): void {
    const parsed = appendSchema.safeParse(given);
    if (!parsed.success) {
      const where = parsed.error.issues.map((issue) => issue.path.join('.')).join(', ');
      const result: AppendResult = {
        status: 'refused',
        code: 'LEDGER_INVALID',
        message: `invalid at ${where}`,
      };
      this.#send({ t: 'ack', n, result });
      return;
    }
    const append = parsed.data;
    if (++this.#pending >= PENDING_HIGH) this.#socket.pause();
    void this.#options.commits.append(append, this).then((result) => {
      if (result.status === 'appended' && append.callId !== null) {
        const held = { callId: append.callId, lease: append.lease ?? 1 };
        if (append.open) this.#options.leases.hold(held, pid, this);
        if (endsCall(append)) this.#options.leases.release(append.callId);
      }
      if (result.status === 'fenced' && append.callId !== null) {
        this.#options.leases.fenced(append.callId, this);
      }
      this.#send({ t: 'ack', n, result });
      this.#pending--;
      if (this.#pending === 0) this.#onAnswered?.();
      else if (this.#pending === PENDING_LOW && !this.#onAnswered) this.#socket.resume();
      this.#settleIfDone();
    });
  }

  /** What the dead have sent counts: only behind its last append is a client judged. */
  #settleIfDone(): void {
    if (!this.#closed || this.#pending > 0) return;
    this.#options.leases.disconnected(this);
    this.#options.onClose(this);
  }

  #answer(n: number, work: (signal: AbortSignal) => Promise<unknown>): void {
    const controller = new AbortController();
    this.#asked.set(n, controller);
    // Behind a promise, so that a handler that throws is one that rejects.
    void Promise.resolve(controller.signal)
      .then(work)
      .then(
        (value: unknown) => this.#send({ t: 'answer', n, value: value ?? null }),
        (error: unknown) => {
          if (controller.signal.aborted) return;
          this.#log.warn({ err: error }, 'a request to the ledger failed');
          this.#send({ t: 'failure', n, error: toWireError(error) });
        },
      )
      .finally(() => this.#asked.delete(n));
  }

  #request(method: string, params: unknown, signal: AbortSignal): Promise<unknown> {
    const { requests } = this.#options;
    const handler = Object.hasOwn(requests, method) ? requests[method] : undefined;
    if (!handler) throw unknownMethod(method);
    return handler(params, signal);
  }

  #storeRequest(method: string, args: unknown[]): Promise<unknown> {
    const known = ADMIN_METHODS.find((name) => name === method);
    if (!known) throw unknownMethod(method);
    // The commands come from this installation and are typed by `Store`; the store checks the rest.
    const operation = this.#options.store[known] as (...args: unknown[]) => Promise<unknown>;
    return operation.apply(this.#options.store, args);
  }

  #send(message: HostMessage): void {
    if (this.#closed || !this.#socket.writable) return;
    const frame = encodeFrame(message);
    if (message.t === 'answer' && Buffer.byteLength(frame) > MAX_ANSWER_BYTES) {
      const error = new CallwireError(
        'LEDGER_ANSWER_TOO_LARGE',
        `The answer is over ${MAX_ANSWER_BYTES} bytes.`,
        { remedy: 'Ask for fewer at a time.' },
      );
      this.#send({ t: 'failure', n: message.n, error: toWireError(error) });
      return;
    }
    this.#socket.write(frame);
  }
}

function unknownMethod(method: string): CallwireError {
  return new CallwireError('LEDGER_METHOD_UNKNOWN', `The ledger answers no request "${method}".`);
}
