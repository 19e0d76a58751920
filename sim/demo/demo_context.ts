import type { Terminal } from './terminal.ts';

/** What every step of the demo needs. */
export interface Demo {
  terminal: Terminal;
  signal: AbortSignal;
  /** Something that must go on running has ended: gives up whatever is under way. */
  fail: (error: unknown) => void;
  /** Cleanups run in reverse order, each whatever the others do. */
  onEnd: (cleanup: () => Promise<unknown>) => void;
  /** Of the recording and the worker's log; it survives. */
  folder: string;
}
