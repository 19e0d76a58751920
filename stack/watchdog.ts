import { spawn } from 'node:child_process';

export interface Watchdog {
  /** From now on this process dies with ours. */
  guard(pid: number): void;
  /** Ends the watchdog without touching what it guards. */
  release(): void;
}

/**
 * Kills the guarded processes when this one is gone, even by `kill -9`: a small shell reads a pipe
 * whose other end only we hold, and the system closes that however we die.
 *
 * Refused: PR_SET_PDEATHSIG through `setpriv` (Linux only, and it fires when the thread that
 * started the child ends, not the process); one process group (Ctrl-C would reach all children at
 * once, before we can stop them in order).
 */
export function startWatchdog(): Watchdog {
  const script = 'while read -r pid; do pids="$pids $pid"; done; kill -9 $pids';
  const shell = spawn('/bin/sh', ['-c', script], {
    // A session of its own, so that the terminal's signals do not end it before us.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // The pipe breaks when someone kills the watchdog; the stack runs on without it.
  shell.stdin.on('error', () => {});
  shell.on('error', () => {});
  return {
    guard: (pid) => void shell.stdin.write(`${pid}\n`),
    release: () => void shell.kill('SIGKILL'),
  };
}
