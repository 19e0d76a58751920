import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { startWatchdog } from '../../stack/watchdog.ts';
import { waitFor } from './wait_for.ts';

const MAIN = fileURLToPath(new URL('../../agent/main.ts', import.meta.url));

/** Shared by all workers that are started here; each would otherwise begin with an empty one. */
const COMPILE_CACHE = join(homedir(), '.cache', 'callwire', 'compile');

/** One line of the worker's log, or of a call process's: they share its output. */
export interface LogLine {
  level: string;
  name?: string;
  msg: string;
  pid: number;
  call?: string;
  [field: string]: unknown;
}

/**
 * The worker as its user runs it: `node agent/main.ts start` in a process of its own. Ctrl-C at our
 * terminal does not reach it, we stop it in order; and it dies with us, however we die.
 */
export class WorkerProcess {
  readonly lines: LogLine[] = [];
  /** What it printed that was no log line: messages for people. */
  readonly output: string[] = [];
  readonly #child: ChildProcess;
  readonly #changes = new EventEmitter().setMaxListeners(0);
  readonly #onLine: ((line: LogLine) => void) | undefined;
  #exit: { code: number | null; signal: NodeJS.Signals | null } | undefined;

  constructor(options: {
    mode: 'dev' | 'start';
    /** (Default: Callwire's worker) */
    main?: string;
    env: Record<string, string>;
    /** Where `.env` is looked for: a folder that has none. */
    cwd: string;
    onLine?: (line: LogLine) => void;
  }) {
    this.#onLine = options.onLine;
    this.#child = spawn(process.execPath, [options.main ?? MAIN, options.mode], {
      cwd: options.cwd,
      env: { NODE_COMPILE_CACHE: COMPILE_CACHE, ...inheritedEnvironment(), ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const watchdog = startWatchdog();
    // Its process group: the calls it has forked as well. A worker that is killed alone, which
    // tests do, leaves its calls to themselves.
    if (this.#child.pid) watchdog.guard(-this.#child.pid);
    this.#child.once('exit', () => watchdog.release());
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', (line) => this.#take(line));
    }
    this.#child.once('exit', (code, signal) => {
      this.#exit = { code, signal };
      this.#changes.emit('change');
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get running(): boolean {
    return this.#exit === undefined;
  }

  /** Resolves when LiveKit has registered the worker; rejects with its output when it exits. */
  async registered(deadlineMs = 60_000): Promise<void> {
    const done = () => this.output.includes('registered') || this.#exit !== undefined;
    await this.#until(done, deadlineMs, 'the worker to register');
    if (this.#exit) throw new Error(`the worker exited: ${this.output.join('\n')}`);
  }

  /** Resolves when an idle process is warm: the next call starts at once. */
  async warm(deadlineMs = 60_000): Promise<void> {
    await this.waitForLine((line) => line.msg === 'warm', deadlineMs);
  }

  waitForLine(matches: (line: LogLine) => boolean, deadlineMs = 30_000): Promise<LogLine> {
    return this.#until(() => this.lines.find(matches), deadlineMs, 'a log line');
  }

  exited(deadlineMs = 60_000): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    return this.#until(() => this.#exit, deadlineMs, 'the worker to exit');
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it as an operator would; twice, so that nothing is waited for. */
  async stop(): Promise<void> {
    if (!this.running) return;
    this.kill('SIGTERM');
    this.kill('SIGTERM');
    await this.exited(40_000).catch(() => this.kill('SIGKILL'));
    await this.exited(5_000);
  }

  /** Calls that outlive a worker that was killed; they would end by themselves within 15 s. */
  killOrphans(): void {
    if (this.running) return;
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // There are none.
    }
  }

  /** The processes it has forked, by pid: one a call, and the warm one. */
  children(): number[] {
    return childrenOf(this.pid);
  }

  /** The process that runs this call, from its own log. */
  async callProcess(callId?: string): Promise<number> {
    const line = await this.waitForLine(
      ({ msg, call }) =>
        (msg === 'ringing' || msg === 'placing a call') &&
        (callId === undefined || call === callId),
    );
    return line.pid;
  }

  #take(text: string): void {
    let line: LogLine | undefined;
    try {
      const parsed = JSON.parse(text);
      if (typeof parsed === 'object' && parsed !== null && 'level' in parsed) line = parsed;
    } catch {
      // Not a log line: a message for people.
    }
    if (line) {
      this.lines.push(line);
      this.#onLine?.(line);
    } else {
      this.output.push(text);
    }
    this.#changes.emit('change');
  }

  #until<T>(check: () => T | undefined | false, deadlineMs: number, what: string): Promise<T> {
    return waitFor(check, { on: this.#changes, deadlineMs, what });
  }
}

/** Both sides look for the ledger's socket in the same folder, and the rest is not the worker's. */
function inheritedEnvironment(): Record<string, string> {
  const { PATH = '', HOME = '', TMPDIR, XDG_RUNTIME_DIR } = process.env;
  return { PATH, HOME, ...(TMPDIR && { TMPDIR }), ...(XDG_RUNTIME_DIR && { XDG_RUNTIME_DIR }) };
}

/** Direct children, from /proc. */
export function childrenOf(pid: number): number[] {
  const children: number[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      // The name, in parentheses, may hold anything; the parent is the second field behind it.
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      if (parent === pid) children.push(Number(entry));
    } catch {
      // It ended while we looked.
    }
  }
  return children;
}

export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2)[0] !== 'Z';
  } catch {
    return false;
  }
}
