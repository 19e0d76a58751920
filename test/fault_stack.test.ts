import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Installation } from '../sim/installation/installation.ts';
import { waitFor } from '../sim/installation/wait_for.ts';
import { childrenOf } from '../sim/installation/worker_process.ts';
import { freePorts, type Stack, startStack } from '../stack/stack.ts';
import { Caller } from './caller.ts';
import { wholeRecord } from './whole_record.ts';

const KEYS = { apiKey: 'test', apiSecret: 'a-made-up-secret-of-enough-characters' };

describe('a LiveKit that dies in the middle of a call', () => {
  let folder: string;
  let stack: Stack | undefined;
  let installation: Installation | undefined;
  let start: () => Promise<Stack>;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'callwire-fault-stack-'));
    const ports = await freePorts({ calls: 4 });
    start = () => startStack({ ports, dataDir: folder, keys: KEYS });
    stack = await start();
    installation = await Installation.start({
      stack: { url: stack.url, sip: stack.sip, ...KEYS },
      number: '+15550107070',
    });
  });
  afterEach(async () => {
    await installation?.stop();
    await stack?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** Ours is the one whose configuration is in our folder. */
  async function programOf(name: string): Promise<number> {
    for (const pid of childrenOf(process.pid)) {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (command.includes(name) && command.includes(folder)) return pid;
    }
    throw new Error(`no ${name} runs in ${folder}`);
  }

  it('ends the call truthfully, and the worker takes calls again when it is back', async () => {
    const running = installation!;
    const caller = await Caller.dial(running);
    await caller.hearsEnd();
    process.kill(await programOf('livekit-server'), 'SIGKILL');

    const ended = await running.waitForLedger('call.ended', 90_000);
    expect(ended.data.end_reason).toBe('media_lost');
    expect(ended.data.transcript).toBe('Agent: Hi there, this is Northwind.');
    expect(running.worker.running).toBe(true);
    await stack?.stop();

    stack = await start();
    await running.provision();
    expect((await wholeRecord(running)).ended.end_reason).toBe('media_lost');
    // The worker asks for work again a while after LiveKit is back.
    const again = await waitFor(
      async () => {
        const next = await Caller.dial(running);
        const answered = await next.call.answered(undefined, 5_000).then(
          () => next,
          () => null,
        );
        if (!answered) await next.call.hangUp();
        return answered;
      },
      { what: 'a call that is answered', deadlineMs: 60_000 },
    );
    await again.hearsEnd();
    await again.call.hangUp();
  });
});
