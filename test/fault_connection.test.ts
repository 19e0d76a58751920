import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { Installation } from '../sim/installation/installation.ts';
import { waitFor } from '../sim/installation/wait_for.ts';
import { Caller } from './caller.ts';
import { wholeRecord } from './whole_record.ts';

/** The way from the worker to LiveKit's signalling port, which a test can break. Media goes around it. */
class BreakableLine {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Connections that were refused while the line was down. */
  refused = 0;
  #down = false;

  private constructor(target: URL) {
    this.#server = createServer((near) => {
      if (this.#down) {
        this.refused++;
        near.destroy();
        return;
      }
      const far = connect(Number(target.port), target.hostname);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(one);
        one.pipe(other);
        one.on('error', () => other.destroy());
        one.on('close', () => {
          this.#sockets.delete(one);
          other.destroy();
        });
      }
    });
  }

  static async to(url: string): Promise<BreakableLine> {
    const line = new BreakableLine(new URL(url));
    line.#server.listen(0, '127.0.0.1');
    await once(line.#server, 'listening');
    return line;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  break(): void {
    this.#down = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#down = false;
  }

  async close(): Promise<void> {
    this.break();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

describe('a connection to LiveKit that breaks in the middle of a call', () => {
  let line: BreakableLine;
  let installation: Installation;
  beforeEach(async () => {
    const stack = inject('stack');
    line = await BreakableLine.to(stack.url);
    installation = await Installation.start({
      stack: { ...stack, url: line.url },
      number: '+15550107080',
      scenario: 'turns: [{ hears: Are you still there?, say: I am. }]\n',
    });
  });
  afterEach(async () => {
    await installation?.stop();
    await line?.close();
  });

  it('and comes back is not the end of the call: both still hear each other', async () => {
    const caller = await Caller.dial(installation);
    await caller.hearsEnd();
    line.break();
    await waitFor(() => line.refused >= 3, { what: 'attempts to reconnect' });
    line.mend();
    await installation.worker.waitForLine(({ msg }) => msg === 'the phone is back');
    await caller.asks();
    await caller.call.hangUp();
    const { ended } = await wholeRecord(installation);
    expect(ended.end_reason).toBe('caller_hung_up');
    expect(ended.transcript).toBe(
      'Agent: Hi there, this is Northwind.\nCaller: Are you still there?\nAgent: I am.',
    );
  });
});
