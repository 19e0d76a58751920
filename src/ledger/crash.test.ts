import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { newId } from '../ids.ts';
import type { Store } from '../store/store.ts';
import { openAdminStore } from './admin_store.ts';
import { LedgerClient } from './client.ts';
import { GroupCommit } from './group_commit.ts';
import { LedgerHost } from './host.ts';
import { LocalLedger } from './local_ledger.ts';
import { openStore } from './open_store.ts';
import { Sweeper } from './sweep.ts';
import { ending, opening, utterance } from './testing/appends.ts';
import { type DataFolder, dataFolder } from './testing/data_folder.ts';

/*
 * What the ledger is for: with a real store, a real socket and processes that are killed, everything
 * that was called durable is there, once, and every call ends once.
 */

function start(script: string, ...args: string[]): ChildProcess {
  const path = fileURLToPath(new URL(`./testing/${script}`, import.meta.url));
  const child = fork(path, args, { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** Waits until somebody can be asked, and the call has ended. */
async function endedEvents(store: Store, callId: string) {
  return await vi.waitFor(
    async () => {
      const events = await store.listCallEvents(callId);
      expect(events.some(({ type }) => type === 'call.ended')).toBe(true);
      return events;
    },
    { timeout: 15_000, interval: 50 },
  );
}

/** The worker's half of the ledger, in this process. */
async function worker(folder: DataFolder) {
  const store = await openStore({ dataDir: folder.dataDir, defaultEndpoint: null });
  const commits = new GroupCommit({ store });
  const ledger = new LocalLedger({ commits, spoolDir: folder.spoolDir });
  const released: string[] = [];
  const sweeper = new Sweeper({
    store,
    ledger,
    spoolDir: folder.spoolDir,
    isHeld: () => Promise.resolve(false),
    releaseRoom: ({ room }) => {
      released.push(room);
      return Promise.resolve();
    },
    everyMs: 200,
  });
  const host = await LedgerHost.listen({
    socketPath: folder.socketPath,
    store,
    commits,
    requests: {},
    onCallLost: () => sweeper.sweepSoon(),
  });
  onTestFinished(async () => {
    await host.close({ deadlineMs: 1_000 });
    await sweeper.close();
    await commits.close({ deadlineMs: 1_000 });
    await ledger.close();
    await store.close();
  });
  return { store, host, sweeper, released };
}

describe('a call process that is killed', () => {
  it('has said nothing in vain: all that was durable is there, and the call ends once', async () => {
    const folder = await dataFolder();
    const { store, host, sweeper, released } = await worker(folder);
    sweeper.start(host);
    // Killed behind so many durable appends; the last one reaches its end by itself.
    const plans = [1, 2, 7, 40, Number.POSITIVE_INFINITY];
    await Promise.all(
      plans.map(async (killAfter) => {
        const callId = newId('call');
        const durable: string[] = [];
        const child = start('writer_process.ts', folder.dataDir, callId, '60');
        child.on('message', (id: string) => {
          durable.push(id);
          if (durable.length === killAfter) child.kill('SIGKILL');
        });
        await once(child, 'exit');
        host.processExited(child.pid!);
        const events = await endedEvents(store, callId);
        const ids = events.map(({ id }) => id as string);
        expect(new Set(ids).size).toBe(ids.length);
        expect(ids).toEqual(expect.arrayContaining(durable));
        expect(events.filter(({ type }) => type === 'call.ended')).toHaveLength(1);
        const killed = killAfter !== Number.POSITIVE_INFINITY;
        expect((await store.getCall(callId))?.endReason).toBe(
          killed ? 'worker_lost' : 'caller_hung_up',
        );
        expect(released.includes(`room-${callId}`)).toBe(killed);
      }),
    );
  });

  it('while the worker is down, is ended by the next worker, with the reason it spooled', async () => {
    const folder = await dataFolder();
    const first = start('host_process.ts', folder.dataDir);
    await once(first, 'message');
    await kill(first);
    const [spoken, silenced] = [newId('call'), newId('call')];
    const writer = start('writer_process.ts', folder.dataDir, spoken, '8');
    const victim = start('writer_process.ts', folder.dataDir, silenced, '4000');
    const durable: string[] = [];
    victim.on('message', (id: string) => {
      durable.push(id);
      if (durable.length === 9) victim.kill('SIGKILL');
    });
    await Promise.all([once(writer, 'exit'), once(victim, 'exit')]);

    const { store, host, sweeper } = await worker(folder);
    sweeper.start(host);
    await endedEvents(store, spoken);
    expect((await store.getCall(spoken))?.endReason).toBe('caller_hung_up');
    // Its lease, made by the recovery, has to run out first; the sweep's own test covers that.
    await vi.waitFor(async () => expect(await store.getCall(silenced)).not.toBeNull());
    const events = await store.listCallEvents(silenced);
    expect(events.map(({ id }) => id as string)).toEqual(expect.arrayContaining(durable));
    await vi.waitFor(async () => expect(await readdir(folder.spoolDir)).toEqual([]));
  });
});

describe('a worker that is killed in the middle of a call', () => {
  it('is found again by its clients: nothing lost, nothing twice, in order', async () => {
    const folder = await dataFolder();
    const first = start('host_process.ts', folder.dataDir);
    await once(first, 'message');
    const callId = newId('call');
    const { socketPath, spoolDir } = folder;
    const client = new LedgerClient({ callId, lease: 1, socketPath, spoolDir });
    onTestFinished(async () => {
      await client.close({ deadlineMs: 0 });
    });
    const said = Array.from({ length: 120 }, (_, i) => utterance(callId, `${i}`));
    expect(await client.append(opening(callId))).toBeTruthy();
    for (const append of said.slice(0, 40)) await client.append(append);
    const inFlight = said.slice(40, 60).map((append) => client.append(append));
    await kill(first);
    await Promise.all(inFlight);
    for (const append of said.slice(60, 90)) expect(await client.append(append)).toBe('spool');

    const second = start('host_process.ts', folder.dataDir);
    await once(second, 'message');
    for (const append of said.slice(90)) await client.append(append);
    await vi.waitFor(async () => expect(await readdir(spoolDir)).toEqual([]), 10_000);
    await client.append(ending(callId));
    expect(await client.close({ deadlineMs: 10_000 })).toBe('ledger');

    const store = await openAdminStore(folder.dataDir);
    onTestFinished(() => store.close());
    const events = await endedEvents(store, callId);
    const transcript = events.filter(({ type }) => type === 'transcript.final');
    expect(transcript.map(({ id }) => id)).toEqual(said.map(({ events: [event] }) => event.id));
    expect(events.filter(({ type }) => type === 'call.ended')).toHaveLength(1);
    expect(await readdir(spoolDir)).toEqual([]);
  });
});
