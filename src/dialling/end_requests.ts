import { AWAIT_END, type EndAnswer, OrderRequest } from '../call/dial_orders.ts';
import type { RequestHandlers } from '../ledger/host_session.ts';

/** So long a process waits for one answer; then it asks again. */
const LONG_POLL_MS = 20_000;
/** A process asks within a moment of its start, and again within a second of a lost connection. */
const KEPT_MS = 60_000;

/**
 * Where the processes of outbound calls wait to be told that somebody wants their call to end. To delete the
 * room does not do while the phone is being dialled: livekit-sip, or the process itself, is on its way there
 * and makes it anew, and the phone rings in a room of which nobody knows that it was to end.
 */
export class EndRequests {
  readonly #waiting = new Map<string, Set<() => void>>();
  /** Kept also of those that were told: that may be one that hangs, while another is on its way to the call. */
  readonly #wanted = new Map<string, NodeJS.Timeout>();

  /** For the ledger's host. */
  readonly requests: RequestHandlers = {
    [AWAIT_END]: (params, signal) => this.#await(OrderRequest.parse(params).callId, signal),
  };

  /** Tells the process of this call; `false` where none waits to be told, or none any more. */
  tell(callId: string): boolean {
    clearTimeout(this.#wanted.get(callId));
    this.#wanted.set(callId, setTimeout(() => this.#wanted.delete(callId), KEPT_MS).unref());
    const waiting = this.#waiting.get(callId);
    for (const told of waiting ?? []) told();
    return waiting !== undefined;
  }

  #await(callId: string, signal: AbortSignal): Promise<EndAnswer> {
    if (this.#wanted.has(callId)) return Promise.resolve({ end: true });
    return new Promise((resolve) => {
      const answer = (end: boolean) => {
        clearTimeout(limit);
        signal.removeEventListener('abort', gone);
        const waiting = this.#waiting.get(callId);
        waiting?.delete(told);
        if (waiting?.size === 0) this.#waiting.delete(callId);
        resolve({ end });
      };
      const told = () => answer(true);
      const gone = () => answer(false);
      const limit = setTimeout(gone, LONG_POLL_MS);
      signal.addEventListener('abort', gone, { once: true });
      this.#waiting.set(callId, (this.#waiting.get(callId) ?? new Set()).add(told));
      if (signal.aborted) gone();
    });
  }
}
