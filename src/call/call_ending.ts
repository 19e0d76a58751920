import type { EndReason } from '../events/catalogue.ts';

/**
 * The end of a call, once. Many things notice that a call is over (the phone leaves, the session
 * closes, a timer fires, the worker dies), often several at the same time: the first cause wins,
 * everybody else is told what it was.
 *
 * ```
 * running ── end(reason) ──► ending ── finish() ran ──► ended
 *               first            └ every wait of the call is aborted by `signal`
 * ```
 */
export class CallEnding {
  readonly #controller = new AbortController();
  readonly #ended = Promise.withResolvers<EndReason>();
  #finish: ((reason: EndReason) => Promise<void>) | undefined;
  #reason: EndReason | undefined;

  /** Fires when the call begins to end: every wait of the call takes this signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get reason(): EndReason | undefined {
    return this.#reason;
  }

  /** Resolves when the end is written and the room is gone. */
  get ended(): Promise<EndReason> {
    return this.#ended.promise;
  }

  /** What to do at the end; set once, before anything can end the call. */
  onEnd(finish: (reason: EndReason) => Promise<void>): void {
    this.#finish = finish;
  }

  /** Ends the call. A second cause changes nothing. */
  end(reason: EndReason): Promise<EndReason> {
    if (this.#reason === undefined) {
      this.#reason = reason;
      this.#controller.abort(new CallEnded(reason));
      const finished = this.#finish?.(reason) ?? Promise.resolve();
      finished.then(
        () => this.#ended.resolve(reason),
        () => this.#ended.resolve(reason),
      );
    }
    return this.#ended.promise;
  }
}

/** The reason of an aborted wait: expected, not an error. */
export class CallEnded extends Error {
  readonly reason: EndReason;

  constructor(reason: EndReason) {
    super('the call has ended');
    this.name = 'CallEnded';
    this.reason = reason;
  }
}
