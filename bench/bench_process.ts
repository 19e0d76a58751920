import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

const KILL_AFTER_MS = 10_000;

/**
 * A process of the bench's own: it says a first word when it is ready, then answers one order after
 * the other, and ends when its channel to us closes, so also when we are killed.
 */
export class BenchProcess<Order = never, Report = never, Ready = unknown> {
  readonly ready: Ready;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, ready: Ready) {
    this.#child = child;
    this.ready = ready;
  }

  /** Rejects when the process exits before its first word. What it prints on stdout is dropped. */
  static async start<Order = never, Report = never, Ready = unknown>(
    file: URL,
    args: readonly string[] = [],
    env: NodeJS.ProcessEnv = process.env,
  ): Promise<BenchProcess<Order, Report, Ready>> {
    const child = fork(file, args, { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    return new BenchProcess<Order, Report, Ready>(child, (await heard(child)) as Ready);
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Rejects when the process exits instead of answering. */
  async ask(order: Order): Promise<Report> {
    const answer = heard(this.#child);
    this.#child.send(order as object);
    return (await answer) as Report;
  }

  /** `kill`: whatever it has open. */
  async end({ kill: atOnce = false } = {}): Promise<void> {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    if (atOnce) child.kill('SIGKILL');
    else if (child.connected) child.disconnect();
    const kill = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
    await exited;
    clearTimeout(kill);
  }
}

/** The next message of a child. */
async function heard(child: ChildProcess): Promise<unknown> {
  const over = new AbortController();
  const exited = once(child, 'exit', { signal: over.signal }).then(([code]) => {
    throw new Error(`a process of the bench exited with ${code}`);
  });
  exited.catch(() => undefined);
  try {
    const message = once(child, 'message', { signal: over.signal }).then(([one]) => one as unknown);
    message.catch(() => undefined);
    return await Promise.race([message, exited]);
  } finally {
    over.abort();
  }
}

/** The other end: says `ready`, then answers each order. A failure ends the process, loudly. */
export function serveBench<Order, Report>(
  ready: unknown,
  answer: (order: Order) => Promise<Report>,
  close: () => Promise<void> = () => Promise.resolve(),
): void {
  process.on('message', (order: Order) => {
    answer(order).then(
      (report) => process.send?.(report),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
  process.once('disconnect', () => void close().finally(() => process.exit(0)));
  process.send?.(ready);
}
