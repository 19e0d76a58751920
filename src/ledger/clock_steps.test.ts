import { expect, it, onTestFinished, vi } from 'vitest';
import { eventComposer } from '../events/composer.ts';
import { newId } from '../ids.ts';
import { openSqliteStore } from '../store/sqlite_store.ts';
import { LedgerClient } from './client.ts';
import { GroupCommit } from './group_commit.ts';
import { LedgerHost } from './host.ts';
import { LEASE_MS } from './leases.ts';
import { LocalLedger } from './local_ledger.ts';
import { Sweeper } from './sweep.ts';
import { ending, opening, utterance } from './testing/appends.ts';
import { type DataFolder, dataFolder } from './testing/data_folder.ts';

/*
 * A clock that is set while calls go on: by NTP after a boot, by a machine that is resumed, by hand.
 * Leases are judged by it; no call may end for that, and none may stay open.
 */

const HOUR_MS = 3_600_000;

/** The worker's half of the ledger; its sweeps come when a test asks. */
async function worker(folder: DataFolder, clock: { now: number }) {
  const store = await openSqliteStore({
    dataDir: folder.dataDir,
    composer: eventComposer,
    defaultEndpoint: null,
    clock: () => clock.now,
  });
  const commits = new GroupCommit({ store });
  const ledger = new LocalLedger({ commits, spoolDir: folder.spoolDir });
  const sweeper = new Sweeper({
    store,
    ledger,
    spoolDir: folder.spoolDir,
    isHeld: () => Promise.resolve(false),
    releaseRoom: () => Promise.resolve(),
    everyMs: 10,
  });
  const host = await LedgerHost.listen({
    socketPath: folder.socketPath,
    store,
    commits,
    requests: {},
    onCallLost: () => sweeper.sweepSoon(),
  });
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= (async () => {
      await host.close({ deadlineMs: 1_000 });
      await sweeper.close();
      await commits.close({ deadlineMs: 1_000 });
      await ledger.close();
      await store.close();
    })();
    return closed;
  };
  onTestFinished(close);
  return { store, sweeper, host, close };
}

async function liveCall(folder: DataFolder): Promise<{ callId: string; client: LedgerClient }> {
  const callId = newId('call');
  const { socketPath, spoolDir } = folder;
  const client = new LedgerClient({ callId, lease: 1, socketPath, spoolDir });
  onTestFinished(() => client.close({ deadlineMs: 0 }).then(() => {}));
  expect(await client.append(opening(callId))).toBe('ledger');
  return { callId, client };
}

/**
 * The regression: leases are renewed every 10 s and looked through every 5 s. A clock set ahead by
 * more than 30 s between the two ended every running call as `worker_lost`.
 */
it('set ahead by hours, ends no call that goes on, and every one that is dead', async () => {
  const folder = await dataFolder();
  const clock = { now: Date.now() };
  const { store, sweeper, host } = await worker(folder, clock);
  const { callId, client } = await liveCall(folder);
  const dead = newId('call');
  await store.append([opening(dead)]);
  clock.now += 5 * HOUR_MS;
  sweeper.start(host);
  await vi.waitFor(async () => expect((await store.getCall(dead))?.endReason).toBe('worker_lost'));
  expect(await client.append(utterance(callId, 'still here'))).toBe('ledger');
  expect(await store.getCall(callId)).toMatchObject({ state: 'ringing', lease: 1 });
  await client.append(ending(callId));
  expect((await store.getCall(callId))?.endReason).toBe('caller_hung_up');
});

it('set back by hours, keeps no dead call for as long', async () => {
  const folder = await dataFolder();
  const clock = { now: Date.now() };
  const first = await worker(folder, clock);
  const dead = newId('call');
  await first.store.append([opening(dead)]);
  await first.close();
  clock.now -= 5 * HOUR_MS;
  const { store, sweeper, host } = await worker(folder, clock);
  const { callId, client } = await liveCall(folder);
  sweeper.start(host);
  const pulledBack = async () => {
    const left = ((await store.getCall(dead))?.leaseUntil ?? 0) - clock.now;
    expect(left).toBeLessThanOrEqual(LEASE_MS);
  };
  await vi.waitFor(pulledBack);
  clock.now += LEASE_MS;
  await vi.waitFor(async () => expect((await store.getCall(dead))?.endReason).toBe('worker_lost'));
  expect(await client.append(utterance(callId, 'still here'))).toBe('ledger');
});
