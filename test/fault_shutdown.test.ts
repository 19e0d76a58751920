import { describe, expect, it } from 'vitest';
import { waitFor } from '../sim/installation/wait_for.ts';
import { isAlive } from '../sim/installation/worker_process.ts';
import { CallRefusedError } from '../sim/phone/call.ts';
import { Caller } from './caller.ts';
import { sharedInstallation } from './shared_installation.ts';
import { wholeRecord, wholeRecords } from './whole_record.ts';

const POLITE = `turns:
  - { hears: Are you still there?, say: I am. }
on_instructed: >-
  {% if instructed contains 'goodbye' %}Goodbye for now.{% else %}{{ instructed }}{% endif %}
`;

describe('a worker that is told to end', () => {
  const installation = sharedInstallation({
    number: '+15550107010',
    scenario: POLITE,
    env: { DRAIN_SECONDS: '600' },
  });

  /** Another worker, until the next one is started. */
  async function restart(env: Record<string, string>, mode?: 'dev' | 'start'): Promise<void> {
    await installation.worker.stop();
    await installation.startWorker(env, mode);
  }

  /** A call in which the agent has greeted. */
  async function talking(): Promise<Caller> {
    const caller = await Caller.dial(installation);
    await caller.hearsEnd();
    return caller;
  }

  /** The goodbye is heard to its end, then the phone is hung up. */
  async function hearsGoodbyeAndBye(caller: Caller): Promise<void> {
    await caller.hearsEnd();
    expect(await caller.call.ended(undefined, 20_000)).toMatchObject({ by: 'them' });
    expect((await caller.session).said.at(-1)).toBe('Goodbye for now.');
  }

  async function exitsCleanly(): Promise<void> {
    const children = installation.worker.children();
    expect(await installation.worker.exited()).toEqual({ code: 0, signal: null });
    await waitFor(() => !children.some(isAlive), { what: 'the end of its children' });
  }

  const draining = () => installation.worker.waitForLine(({ msg }) => msg === 'draining');

  it('lets the call go on, refuses new ones at once, then says goodbye', async () => {
    await restart({ DRAIN_SECONDS: '8' });
    const caller = await talking();
    installation.worker.kill('SIGTERM');
    await draining();

    const second = await Caller.dial(installation, { from: '+15550107011' });
    const refused = await second.call.answered().catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(CallRefusedError);
    expect(refused).toMatchObject({ status: 486 });
    await caller.asks();
    expect((await caller.session).said.at(-1)).toBe('I am.');

    await hearsGoodbyeAndBye(caller);
    await exitsCleanly();

    await installation.startWorker();
    const records = await wholeRecords(installation, { calls: 2 });
    const ends = records.map(({ ended }) => ended);
    expect(ends.find(({ end_reason }) => end_reason === 'shutdown')?.transcript).toBe(
      'Agent: Hi there, this is Northwind.\nCaller: Are you still there?\nAgent: I am.\n' +
        'Agent: Goodbye for now.',
    );
    expect(ends.find(({ from }) => from === '+15550107011')).toMatchObject({
      end_reason: 'no_capacity',
      duration_seconds: 0,
    });
  });

  it('a second time says goodbye at once', async () => {
    const caller = await talking();
    installation.worker.kill('SIGTERM');
    await draining();
    installation.worker.kill('SIGTERM');
    await hearsGoodbyeAndBye(caller);
    await exitsCleanly();
    await installation.startWorker();
    expect((await wholeRecord(installation)).ended.end_reason).toBe('shutdown');
  });

  it('waits for no more than the last call to end', async () => {
    const caller = await talking();
    installation.worker.kill('SIGTERM');
    await draining();
    await caller.call.hangUp();
    await exitsCleanly();
    await installation.startWorker();
    expect((await wholeRecord(installation)).ended.end_reason).toBe('caller_hung_up');
  });

  it('does so at once in dev', async () => {
    await restart({ DRAIN_SECONDS: '' }, 'dev');
    const caller = await talking();
    installation.worker.kill('SIGINT');
    await hearsGoodbyeAndBye(caller);
    await exitsCleanly();
    await installation.startWorker();
    expect((await wholeRecord(installation)).ended.end_reason).toBe('shutdown');
  });

  it('without calls ends at once', async () => {
    const children = installation.worker.children();
    installation.worker.kill('SIGTERM');
    expect(await installation.worker.exited(20_000)).toEqual({ code: 0, signal: null });
    await waitFor(() => !children.some(isAlive), { what: 'the end of its children' });
  });
});
