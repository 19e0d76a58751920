import { waitFor } from '../sim/installation/wait_for.ts';
import type { WorkerProcess } from '../sim/installation/worker_process.ts';
import type { Call } from '../sim/phone/call.ts';

/** One of the two that are compared: an agent that answers a number of its own. */
export interface Side {
  readonly name: string;
  dial(): Promise<Call>;
  /** Resolves when the next call finds a warm process, and nothing of the last one still runs. */
  settled(): Promise<void>;
}

/**
 * agents-js forks the next warm process while a call begins, and a call's process lives on for
 * seconds after the hang-up: without waiting for both, a call is measured against the other one's
 * left-overs.
 */
export async function workerSettled(worker: WorkerProcess): Promise<void> {
  const onlyWarm = () => {
    const [child, ...more] = worker.children();
    if (child === undefined || more.length > 0) return false;
    return worker.lines.some(({ msg, pid }) => msg === 'warm' && pid === child);
  };
  await waitFor(onlyWarm, { what: 'one warm process and no other', deadlineMs: 60_000 });
}
