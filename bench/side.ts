import { waitFor } from '../sim/installation/wait_for.ts';
import type { WorkerProcess } from '../sim/installation/worker_process.ts';
import type { Call } from '../sim/phone/call.ts';

/** One of the two that are compared: an agent that answers a number of its own. */
export interface Side {
  readonly name: string;
  readonly worker: WorkerProcess;
  /** `from`: the caller's number (Default: one that the CRM knows) */
  dial(from?: string): Promise<Call>;
  /** Resolves when the next call finds a warm process, and nothing of the last one still runs. */
  settled(): Promise<void>;
}

/**
 * agents-js forks the next warm process while a call begins, and a call's process lives on for
 * seconds after the hang-up: without waiting for both, a call is measured against the other one's
 * left-overs. `calls`: how many go on meanwhile.
 */
export async function workerSettled(worker: WorkerProcess, calls = 0): Promise<void> {
  const isWarm = (child: number) =>
    worker.lines.some(({ msg, pid }) => msg === 'warm' && pid === child);
  const settled = () => {
    const children = worker.children();
    return children.length === calls + 1 && children.every(isWarm);
  };
  const what = `one warm process and ${calls} with a call`;
  await waitFor(settled, { what, deadlineMs: 60_000 });
}
