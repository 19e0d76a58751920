import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { createInterface } from 'node:readline';
import { waitFor } from '../sim/installation/wait_for.ts';
import { startWatchdog } from '../stack/watchdog.ts';

/** A server of the documentation, as its user starts it: it says where it listens, and what it does. */
export class ExampleServer {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #changes = new EventEmitter();
  #ended = false;

  private constructor(command: readonly string[], env: Record<string, string>) {
    const [program = '', ...args] = command;
    const { PATH = '', HOME = '' } = process.env;
    this.#child = spawn(program, args, {
      env: { PATH, HOME, PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const watchdog = startWatchdog();
    if (this.#child.pid) watchdog.guard(this.#child.pid);
    this.#child.once('close', () => {
      watchdog.release();
      this.#ended = true;
      this.#changes.emit('change');
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (!stream) continue;
      createInterface({ input: stream }).on('line', (line) => {
        this.lines.push(line);
        this.#changes.emit('change');
      });
    }
  }

  static async start(
    command: readonly string[],
    env: Record<string, string>,
  ): Promise<ExampleServer> {
    const server = new ExampleServer(command, env);
    await server.says(/^listening on /);
    return server;
  }

  get url(): string {
    return this.lines.map((line) => /^listening on (\S+)$/.exec(line)?.[1]).find(Boolean) ?? '';
  }

  /** Waits for a line. Rejects where the server ends without it. */
  async says(expected: RegExp): Promise<string> {
    const find = () => this.lines.find((line) => expected.test(line));
    await this.until(() => find() !== undefined, `a line like ${expected}`);
    return find() as string;
  }

  /** Waits until the lines are as they should be. Rejects where the server ends before. */
  async until(check: () => boolean, what: string): Promise<void> {
    await waitFor(() => this.#ended || check(), { on: this.#changes, what });
    if (!check()) throw new Error(`the server ended: ${this.lines.join('\n')}`);
  }

  async stop(): Promise<void> {
    if (this.#ended) return;
    this.#child.kill('SIGKILL');
    await waitFor(() => this.#ended, { on: this.#changes, what: 'the server to end' });
  }
}
