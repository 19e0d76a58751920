import type { Append } from '../store/store.ts';

/**
 * The ledger as a call process sees it (`client.ts`), and as the worker itself uses it
 * (`local_ledger.ts`): the only way anything is written about a call.
 */
export interface Ledger {
  /**
   * Resolves when the append is durable: `ledger` when the host has committed it, `spool` when it
   * was fsynced to the process's own spool file because no acknowledgement came within 100 ms or
   * the socket is gone. Rejects with `LEDGER_FENCED` when the call was taken over (see also
   * `fenced`), with `LEDGER_REFUSED` when the append can never succeed, and with
   * `LEDGER_UNAVAILABLE` when not even the spool could be written (disk full).
   * Appends of one client are committed in the order in which they were made.
   */
  append(append: Append): Promise<'ledger' | 'spool'>;
  /**
   * What is appended until the returned function is called, for at most 3 ms, is sent together, so
   * that it shares a commit. It delays the spool by nothing.
   */
  hold(): () => void;
  /** Asks the host: built-in CRM look-ups, counts. Rejects with `LEDGER_UNAVAILABLE` when it cannot. */
  request<T>(method: string, params: unknown, signal: AbortSignal): Promise<T>;
  /** Aborted once somebody else has taken the call over: this process must stop. */
  readonly fenced: AbortSignal;
}
