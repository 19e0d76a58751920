import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { CallwireError } from '../errors.ts';
import { AnswerBody } from './answer_body.ts';

export interface PostRequest {
  url: URL;
  headers: Record<string, string>;
  body: Buffer;
  /** From now to the last byte of the answer; the name's look-up and the connection are in it. */
  deadlineMs: number;
  /** How much of the answer's body is read. (Default: 4 KB) */
  maxBytes?: number;
  /** Ends it before the deadline. */
  signal: AbortSignal;
}

export interface PostAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  /** At most `maxBytes` of the body. */
  text: string;
  /** The body was at least as long as what was read of it, or broke off. */
  cut: boolean;
}

/**
 * One POST. Resolves with the answer as soon as its status is known and its body read, for `maxBytes`
 * at most: whatever follows is never read, and the connection is dropped with it, which is cheaper than
 * draining a body that may have no end. A body that breaks off gives what there was.
 *
 * Rejects where no status came: with `DELIVERY_TIMEOUT` at the deadline, with the signal's reason,
 * or with what undici or the connector say.
 *
 * On undici's dispatcher instead of its `request`: the stream and the abort signals that it makes of
 * every answer cost as much as the request itself.
 */
export function post(dispatcher: Dispatcher, request: PostRequest): Promise<PostAnswer> {
  const { url, headers, body, signal } = request;
  if (signal.aborted) return Promise.reject(signal.reason);
  const exchange = new Exchange(request);
  const options = { origin: url.origin, path: url.pathname + url.search, method: 'POST' } as const;
  dispatcher.dispatch({ ...options, headers, body }, exchange);
  return exchange.answer;
}

/**
 *   queued ─▶ sent ─▶ status known ─▶ read ─▶ resolved
 *      └────────┴── error, deadline, signal ─▶ rejected
 *                          └── the same, or enough ─▶ resolved, with what there was
 */
class Exchange implements Dispatcher.DispatchHandler {
  readonly answer: Promise<PostAnswer>;
  readonly #settle: PromiseWithResolvers<PostAnswer>;
  readonly #signal: AbortSignal;
  readonly #timer: NodeJS.Timeout;
  readonly #body: AnswerBody;
  #controller: Dispatcher.DispatchController | null = null;
  #status: number | null = null;
  #headers: IncomingHttpHeaders = {};
  /** Why it ended; not an error, for the trace of one costs as much as a signature. */
  #over: Error | 'ended' | null = null;

  constructor({ signal, deadlineMs, maxBytes }: PostRequest) {
    this.#body = new AnswerBody(maxBytes);
    this.#settle = Promise.withResolvers();
    this.answer = this.#settle.promise;
    this.#signal = signal;
    signal.addEventListener('abort', this.#onAbort);
    this.#timer = setTimeout(() => this.#drop(tooLate()), deadlineMs);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Given up while it waited for its connection.
    if (this.#over instanceof Error) controller.abort(this.#over);
    else this.#controller = controller;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    // 1xx tells of another one to come.
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#over && !this.#body.push(chunk)) this.#drop(new Error('enough has been read'));
  }

  onResponseEnd(): void {
    this.#end('ended');
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#end(error);
  }

  readonly #onAbort = () => this.#drop(this.#signal.reason as Error);

  #drop(reason: Error): void {
    this.#end(reason);
    this.#controller?.abort(reason);
  }

  #end(reason: Error | 'ended'): void {
    if (this.#over) return;
    this.#over = reason;
    clearTimeout(this.#timer);
    this.#signal.removeEventListener('abort', this.#onAbort);
    if (this.#status === null) this.#settle.reject(reason);
    else {
      this.#settle.resolve({
        status: this.#status,
        headers: this.#headers,
        text: this.#body.text(),
        cut: reason !== 'ended',
      });
    }
  }
}

function tooLate(): CallwireError {
  return new CallwireError('DELIVERY_TIMEOUT', 'The endpoint did not answer in time.', {
    retryable: true,
  });
}
