import childProcess from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';

/**
 * Tells when a process forked from here has exited. agents-js forks the call processes and has no
 * event for their end; the ledger wants to know at once, because a dead call process leaves a
 * caller in silence. Must run before anything forks.
 */
export function onChildExit(listener: (pid: number) => void): void {
  const fork = childProcess.fork;
  childProcess.fork = ((...args: Parameters<typeof fork>) => {
    const child = fork(...args);
    child.once('exit', () => {
      if (child.pid !== undefined) listener(child.pid);
    });
    return child;
  }) as typeof fork;
  syncBuiltinESMExports();
}
