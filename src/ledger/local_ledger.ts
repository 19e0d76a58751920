import type { Append } from '../store/store.ts';
import type { GroupCommit } from './group_commit.ts';
import type { RequestHandlers } from './host_session.ts';
import type { Ledger } from './ledger.ts';
import { Outbox, unavailableError } from './outbox.ts';
import { Spool } from './spool.ts';

export interface LocalLedgerOptions {
  commits: GroupCommit;
  /** From `spoolDir(DATA_DIR)`. */
  spoolDir: string;
  /** The same that the host answers. (Default: none) */
  requests?: RequestHandlers;
  /** (Default: 100 ms) */
  spoolAfterMs?: number;
}

/**
 * The worker's own writer: what the sweep and a refused call have to say. It stands in the same
 * queue as the call processes' appends and has a spool of its own for a store that fails. It writes
 * for many calls, so an append that is fenced rejects alone and `fenced` never aborts.
 */
export class LocalLedger implements Ledger {
  readonly #options: LocalLedgerOptions;
  readonly #outbox: Outbox;

  constructor(options: LocalLedgerOptions) {
    this.#options = options;
    this.#outbox = new Outbox({
      spool: new Spool({ dir: options.spoolDir, owner: 'worker' }),
      scope: 'any',
      ...(options.spoolAfterMs === undefined ? {} : { spoolAfterMs: options.spoolAfterMs }),
    });
  }

  get fenced(): AbortSignal {
    return this.#outbox.fenced;
  }

  append(append: Append): Promise<'ledger' | 'spool'> {
    const { entry, durable } = this.#outbox.add(append);
    if (entry?.sendable) {
      void this.#options.commits
        .append(append, this)
        .then((result) => this.#outbox.settle(entry.n, result));
    }
    return durable;
  }

  /** Nothing to hold: what is appended in one go shares a commit anyway. */
  hold(): () => void {
    return () => undefined;
  }

  async request<T>(method: string, params: unknown, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const { requests } = this.#options;
    const handler = requests && Object.hasOwn(requests, method) ? requests[method] : undefined;
    if (!handler) throw unavailableError(`The worker answers no request "${method}".`);
    return (await handler(params, signal)) as T;
  }

  /** Call it when `commits` has been closed: what that did not take goes to the spool. */
  async close(): Promise<void> {
    await this.#outbox.durable();
    await this.#outbox.close();
  }
}
