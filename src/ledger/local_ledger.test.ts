import { readdir } from 'node:fs/promises';
import { describe, expect, it, vi } from 'vitest';
import { newId } from '../ids.ts';
import { GroupCommit } from './group_commit.ts';
import { LocalLedger } from './local_ledger.ts';
import { recoverSpools } from './spool_recovery.ts';
import { ending, opening } from './testing/appends.ts';
import { dataFolder } from './testing/data_folder.ts';
import { fakeStore } from './testing/fake_store.ts';

async function setUp() {
  const { spoolDir } = await dataFolder();
  const fake = fakeStore();
  const commits = new GroupCommit({ store: fake.store, retryFirstMs: 1 });
  return { fake, commits, spoolDir, ledger: new LocalLedger({ commits, spoolDir }) };
}

describe('LocalLedger', () => {
  it('writes a call that was never taken: opening, failure and end in one append', async () => {
    const { fake, ledger, spoolDir } = await setUp();
    const callId = newId('call');
    const end = ending(callId).events[0];
    const append = opening(callId);
    expect(await ledger.append({ ...append, events: [...append.events, end] })).toBe('ledger');
    expect(fake.types(callId)).toEqual(['call.started', 'call.ended']);
    expect(await readdir(spoolDir).catch(() => [])).toEqual([]);
  });

  it('is durable while the store fails, and has the spool emptied when it does not', async () => {
    const { fake, ledger, spoolDir } = await setUp();
    const callId = newId('call');
    fake.failWith(new Error('disk full'));
    expect(await ledger.append(opening(callId))).toBe('spool');
    expect(await readdir(spoolDir)).toEqual([`worker.${process.pid}.1.ndjson`]);
    fake.failWith(null);
    await vi.waitFor(async () => expect(await readdir(spoolDir)).toEqual([]));
    expect(fake.types(callId)).toEqual(['call.started']);
  });

  it('leaves what the store never took to the next worker', async () => {
    const { fake, commits, ledger, spoolDir } = await setUp();
    const callId = newId('call');
    fake.failWith(new Error('disk full'));
    const durable = ledger.append(opening(callId));
    await commits.close({ deadlineMs: 0 });
    await ledger.close();
    expect(await durable).toBe('spool');
    fake.failWith(null);
    await recoverSpools(fake.store, spoolDir, { isAlive: () => false });
    expect(fake.types(callId)).toEqual(['call.started']);
  });

  it('writes on for other calls where one has been taken over', async () => {
    const { fake, ledger } = await setUp();
    const [stolen, other] = [newId('call'), newId('call')];
    await ledger.append(opening(stolen));
    await ledger.append(opening(other));
    fake.steal(stolen);
    await expect(ledger.append({ ...ending(stolen), lease: 1 })).rejects.toMatchObject({
      code: 'LEDGER_FENCED',
    });
    expect(ledger.fenced.aborted).toBe(false);
    expect(await ledger.append({ ...ending(other), lease: 1 })).toBe('ledger');
  });

  it('answers the worker its own requests', async () => {
    const { commits, spoolDir } = await setUp();
    const requests = { count: (params: unknown) => Promise.resolve({ params }) };
    const ledger = new LocalLedger({ commits, spoolDir, requests });
    const { signal } = new AbortController();
    expect(await ledger.request('count', 1, signal)).toEqual({ params: 1 });
    await expect(ledger.request('other', 1, signal)).rejects.toMatchObject({
      code: 'LEDGER_UNAVAILABLE',
    });
  });
});
