import childProcess, { type ChildProcess } from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';

/** Told of a process that has exited, and of the LiveKit job that was lost with it. */
export type ChildExitListener = (pid: number, job: string | null) => void;

/**
 * Tells when a process forked from here has exited. agents-js forks the call processes and has no
 * event for their end; the ledger wants to know at once, because a dead call process leaves a
 * caller in silence. Must run before anything forks.
 *
 * It also tells which job the process had. Only from agents-js's message to it is that known for
 * certain, and only so is noticed what agents-js does not notice: that an idle process had died, and
 * is given a job all the same (1.9.0). Then the listener hears of that process once more.
 */
export function onChildExit(listener: ChildExitListener): void {
  const fork = childProcess.fork;
  childProcess.fork = ((...args: Parameters<typeof fork>) => {
    const child = fork(...args);
    watch(child, listener);
    return child;
  }) as typeof fork;
  syncBuiltinESMExports();
}

function watch(child: ChildProcess, listener: ChildExitListener): void {
  const { pid } = child;
  if (pid === undefined) return;
  let job: string | null = null;
  let hasExited = false;
  child.once('exit', () => {
    hasExited = true;
    listener(pid, job);
  });
  const send = child.send;
  child.send = ((message: unknown, ...rest: []) => {
    const given = jobIn(message);
    if (given !== null) job = given;
    if (given !== null && hasExited) listener(pid, given);
    return send.call(child, message as Parameters<typeof send>[0], ...rest);
  }) as typeof send;
}

/** Of agents-js's message that starts a job. */
function jobIn(message: unknown): string | null {
  const { case: kind, value } = message as {
    case?: unknown;
    value?: { runningJob?: { job?: { id?: unknown } } };
  };
  if (kind !== 'startJobRequest') return null;
  const id = value?.runningJob?.job?.id;
  return typeof id === 'string' ? id : null;
}
