import type { WireError } from './error_wire.ts';
import type { StoreMethod } from './remote_store.ts';

/*
 * Between a process and its store's thread; both ends are this version's code, so nothing is
 * validated. `n` numbers the calls; every call gets one `result` or `error`, in any order. A call of the
 * background is passed by others (`background_line.ts`). What is said in one turn of the event loop goes as
 * one list (`turn_port.ts`).
 *
 *     ready | failed     once, first
 *     call n → result n | error n
 *     jobs               after a commit that left jobs to be done, the first at `dueAt`
 *     close n → result n, and the thread ends
 */
export type ToThread =
  | { t: 'call'; n: number; method: StoreMethod; args: unknown[]; background: boolean }
  | { t: 'close'; n: number };

export type FromThread =
  /** `database`: the file whose commits are made durable on the other side. */
  | { t: 'ready'; database?: string }
  | { t: 'failed'; error: WireError }
  /** `written`, of a promise: the commits so far, which have to be fsynced first; 0 = they are. */
  | { t: 'result'; n: number; value: unknown; written?: number }
  | { t: 'error'; n: number; error: WireError }
  | { t: 'jobs'; dueAt: number };
