import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../sim/installation/wait_for.ts';
import { startWatchdog } from '../stack/watchdog.ts';
import { builtWithGo } from './built_with_go.ts';

const EXAMPLES = fileURLToPath(new URL('../docs/examples/webhooks', import.meta.url));

export const LANGUAGES = ['node', 'python', 'go'] as const;
export type Language = (typeof LANGUAGES)[number];

/** How each is started; Go's is built into `folder` first, so that what is stopped is what listens. */
export async function exampleCommand(language: Language, folder: string): Promise<string[]> {
  if (language === 'node') return [process.execPath, join(EXAMPLES, 'node/receiver.mjs')];
  if (language === 'python') return ['python3', join(EXAMPLES, 'python/receiver.py')];
  return [await builtWithGo(join(EXAMPLES, 'go/main.go'), folder)];
}

/** What it has worked on, as it says. */
export interface Handled {
  event: string;
  callId: string;
  sequence: string;
}

/** A receiver of the documentation, as its user starts it. */
export class ExampleReceiver {
  readonly handled: Handled[] = [];
  readonly #child: ChildProcess;
  readonly #inbox: string;
  readonly #lines: string[] = [];
  readonly #changes = new EventEmitter();
  #ended = false;

  private constructor(command: readonly string[], env: { INBOX: string }) {
    this.#inbox = env.INBOX;
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
      if (stream) createInterface({ input: stream }).on('line', (line) => this.#take(line));
    }
  }

  static async start(
    command: readonly string[],
    env: { WEBHOOK_SECRET: string; WEBHOOK_SECRET_PREVIOUS?: string; INBOX: string },
  ): Promise<ExampleReceiver> {
    const receiver = new ExampleReceiver(command, env);
    await receiver.#until(() => receiver.#url() !== undefined, 'the receiver to listen');
    return receiver;
  }

  get url(): string {
    return `${this.#url()}/callwire`;
  }

  /** Waits until it has worked on so many events that `of` picks, and returns those. */
  async waitForHandled(count: number, of: (handled: Handled) => boolean): Promise<Handled[]> {
    await this.#until(() => this.handled.filter(of).length >= count, `${count} events worked on`);
    return this.handled.filter(of);
  }

  /** Waits until its file says that all it holds has been worked on: nothing is done again after that. */
  async atRest(): Promise<void> {
    await waitFor(
      async () => {
        const lines = (await readFile(this.#inbox, 'utf8')).split('\n');
        const count = (key: string) => lines.filter((line) => line.startsWith(`{"${key}":`)).length;
        return count('event') === count('done');
      },
      { what: 'all events to be noted as done' },
    );
  }

  async stop(): Promise<void> {
    if (this.#ended) return;
    this.#child.kill('SIGKILL');
    await waitFor(() => this.#ended, { on: this.#changes, what: 'the receiver to end' });
  }

  #url(): string | undefined {
    return this.#lines.map((line) => /^listening on (\S+)$/.exec(line)?.[1]).find(Boolean);
  }

  #take(line: string): void {
    const [, event, callId, sequence] = /^handled (\S+) (\S+) #(\S+)$/.exec(line) ?? [];
    if (event && callId && sequence) this.handled.push({ event, callId, sequence });
    else this.#lines.push(line);
    this.#changes.emit('change');
  }

  async #until(check: () => boolean, what: string): Promise<void> {
    await waitFor(() => this.#ended || check(), { on: this.#changes, what });
    if (!check()) throw new Error(`the receiver ended: ${this.#lines.join('\n')}`);
  }
}
