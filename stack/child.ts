import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { CallwireError } from '../src/errors.ts';

export interface ChildOptions {
  /** As the operator knows it: `redis-server`. */
  name: string;
  program: string;
  args: readonly string[];
  /** Takes stdout and stderr; what an earlier run left there is overwritten. */
  logFile: string;
  /** Sent twice, half a second apart, before SIGKILL. */
  stopSignal: NodeJS.Signals;
}

export interface Child {
  readonly name: string;
  readonly pid: number;
  /** Resolves when the process is gone, with what ended it (`exit code 1`, `SIGKILL`). */
  readonly exited: Promise<string>;
  isRunning(): boolean;
  /** The end of its log, for an error message. */
  logTail(): Promise<string>;
  /** Resolves when it is gone: at the latest after 3.5 s and a SIGKILL. */
  stop(): Promise<void>;
}

/** One program of the stack as a child process. Throws `STACK_CHILD_FAILED` if it cannot be run. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { name, program, args, logFile, stopSignal } = options;
  const log = openSync(logFile, 'w', 0o600);
  const child = spawn(program, args, {
    stdio: ['ignore', log, log],
    env: childEnvironment(),
    // In a session of its own: Ctrl-C at the terminal reaches only us, and we stop them in order.
    detached: true,
  });
  closeSync(log);

  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) =>
      reject(
        new CallwireError('STACK_CHILD_FAILED', `${name} cannot be run: ${cause.message}`, {
          remedy: `Make ${program} a program that this user may run.`,
          cause,
        }),
      ),
    );
  });
  const isRunning = () => child.exitCode === null && child.signalCode === null;

  return {
    name,
    pid: child.pid!,
    exited,
    isRunning,
    logTail: () => tailOf(logFile),
    async stop() {
      for (const [signal, patienceMs] of [
        [stopSignal, 500],
        [stopSignal, 3_000],
        ['SIGKILL', 10_000],
      ] as const) {
        if (!isRunning()) return;
        child.kill(signal);
        const over = new AbortController();
        const patience = sleep(patienceMs, undefined, { signal: over.signal }).catch(() => {});
        await Promise.race([exited, patience]);
        over.abort();
      }
    },
  };
}

/**
 * Only what a program needs to run at all. livekit-server lets NODE_IP, UDP_PORT, REDIS_HOST or
 * LIVEKIT_KEYS of the environment override its file, and all of ours stand in the file.
 */
function childEnvironment(): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR, LANG } = process.env;
  return { PATH, HOME, TMPDIR, LANG };
}

const TAIL_BYTES = 4_000;
const TAIL_LINES = 12;

async function tailOf(path: string): Promise<string> {
  const file = await open(path).catch(() => null);
  if (!file) return '';
  try {
    const { size } = await file.stat();
    const length = Math.min(size, TAIL_BYTES);
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString('utf8').trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
  } finally {
    await file.close();
  }
}
