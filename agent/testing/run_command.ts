import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunningCommand {
  readonly ended: Promise<Ended>;
  /** Resolves with stdout once it holds what is waited for; rejects when the command ends first. */
  printed(what: RegExp): Promise<string>;
  /** The same for stderr, where commands say what they do. */
  said(what: RegExp): Promise<string>;
  /** As Ctrl-C does. */
  interrupt(): void;
}

/** For a test of several commands: each start takes a second, on a busy machine several. */
export const COMMAND_LIMIT_MS = 60_000;

/** A folder that is the DATA_DIR of commands, gone with the test. */
export async function commandFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'callwire-command-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A command as its user starts it, in a process of its own; `name` is its file's in agent/. */
export function startCommand(
  name: string,
  args: readonly string[],
  { folder, env = {} }: { folder: string; env?: Record<string, string> },
): RunningCommand {
  const { PATH = '', HOME = '', TMPDIR, XDG_RUNTIME_DIR, NODE_COMPILE_CACHE } = process.env;
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL(`../${name}.ts`, import.meta.url)), ...args],
    {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH,
        HOME,
        ...(TMPDIR && { TMPDIR }),
        ...(XDG_RUNTIME_DIR && { XDG_RUNTIME_DIR }),
        ...(NODE_COMPILE_CACHE && { NODE_COMPILE_CACHE }),
        DATA_DIR: join(folder, 'data'),
        LOG_LEVEL: 'warn',
        ...env,
      },
    },
  );
  const out = { stdout: '', stderr: '' };
  const changed = new EventTarget();
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      out[stream] += text;
      changed.dispatchEvent(new Event('change'));
    });
  }
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code) => resolve({ code, ...out }));
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const until = (stream: 'stdout' | 'stderr', what: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = () => what.test(out[stream]) && resolve(out[stream]);
      changed.addEventListener('change', look);
      look();
      void ended.then(({ stderr }) => reject(new Error(`it ended: ${stderr}`)));
    });
  return {
    ended,
    printed: (what) => until('stdout', what),
    said: (what) => until('stderr', what),
    interrupt: () => void child.kill('SIGINT'),
  };
}

export async function runCommand(...args: Parameters<typeof startCommand>): Promise<Ended> {
  return await startCommand(...args).ended;
}
