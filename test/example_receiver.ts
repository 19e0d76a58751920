import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../sim/installation/wait_for.ts';
import { builtWithGo } from './built_with_go.ts';
import { ExampleServer } from './example_server.ts';

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
  readonly #server: ExampleServer;
  readonly #inbox: string;

  private constructor(server: ExampleServer, inbox: string) {
    this.#server = server;
    this.#inbox = inbox;
  }

  static async start(
    command: readonly string[],
    env: { WEBHOOK_SECRET: string; WEBHOOK_SECRET_PREVIOUS?: string; INBOX: string },
  ): Promise<ExampleReceiver> {
    return new ExampleReceiver(await ExampleServer.start(command, env), env.INBOX);
  }

  get url(): string {
    return `${this.#server.url}/callwire`;
  }

  get handled(): Handled[] {
    return this.#server.lines.flatMap((line) => {
      const [, event, callId, sequence] = /^handled (\S+) (\S+) #(\S+)$/.exec(line) ?? [];
      return event && callId && sequence ? [{ event, callId, sequence }] : [];
    });
  }

  /** Waits until it has worked on so many events that `of` picks, and returns those. */
  async waitForHandled(count: number, of: (handled: Handled) => boolean): Promise<Handled[]> {
    const found = () => this.handled.filter(of);
    await this.#server.until(() => found().length >= count, `${count} events worked on`);
    return found();
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

  stop(): Promise<void> {
    return this.#server.stop();
  }
}
