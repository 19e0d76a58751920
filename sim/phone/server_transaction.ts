import type { SipTimers } from './client_transaction.ts';
import type { SipRequest, SipResponse } from './sip_message.ts';

/**
 * One request of theirs and our answer (RFC 3261 17.2, RFC 6026).
 *
 *   waiting ──respond(1xx)──▶ waiting ──respond(final)──▶ answered ──64·T1──▶ terminated
 *
 * A request that comes again gets the last answer again and never reaches the user twice. The
 * final answer to an INVITE is repeated after T1, 2·T1, … T2 until its ACK comes. An INVITE may
 * wait as long as a phone may ring; other requests that nobody answers are dropped after 64·T1.
 */
export class ServerTransaction {
  readonly request: SipRequest;
  readonly #timers: SipTimers;
  readonly #send: (response: SipResponse) => void;
  readonly #onTerminated: () => void;
  readonly #ack = Promise.withResolvers<SipRequest | undefined>();
  #last: SipResponse | undefined;
  #acknowledged = false;
  #repeat: NodeJS.Timeout | undefined;
  #expiry: NodeJS.Timeout | undefined;

  constructor(options: {
    request: SipRequest;
    timers: SipTimers;
    send: (response: SipResponse) => void;
    onTerminated: () => void;
  }) {
    this.request = options.request;
    this.#timers = options.timers;
    this.#send = options.send;
    this.#onTerminated = options.onTerminated;
    if (options.request.method !== 'INVITE') this.#expireAfter(64 * options.timers.t1);
  }

  /** Of an INVITE: the ACK of our final answer, undefined once it is certain that none comes. */
  get acknowledged(): Promise<SipRequest | undefined> {
    return this.#ack.promise;
  }

  respond(response: SipResponse): void {
    if (this.#last && this.#last.status >= 200) return;
    this.#last = response;
    this.#send(response);
    if (response.status < 200) return;
    this.#expireAfter(64 * this.#timers.t1);
    if (this.request.method === 'INVITE') this.#repeatAfter(this.#timers.t1);
  }

  /** The same request once more. */
  receiveAgain(): void {
    if (this.#last && !this.#acknowledged) this.#send(this.#last);
  }

  acknowledge(ack: SipRequest): void {
    this.#acknowledged = true;
    clearTimeout(this.#repeat);
    this.#ack.resolve(ack);
  }

  terminate(): void {
    clearTimeout(this.#repeat);
    clearTimeout(this.#expiry);
    this.#ack.resolve(undefined);
    this.#onTerminated();
  }

  #repeatAfter(ms: number): void {
    this.#repeat = setTimeout(() => {
      this.#send(this.#last!);
      this.#repeatAfter(Math.min(ms * 2, this.#timers.t2));
    }, ms);
    this.#repeat.unref();
  }

  #expireAfter(ms: number): void {
    clearTimeout(this.#expiry);
    this.#expiry = setTimeout(() => this.terminate(), ms);
    this.#expiry.unref();
  }
}
