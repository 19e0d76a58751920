import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { newId } from '../ids.ts';
import type { CallRecord } from '../store/store.ts';
import { GroupCommit } from './group_commit.ts';
import { LocalLedger } from './local_ledger.ts';
import { spoolLine } from './spool.ts';
import { Sweeper, type SweeperOptions } from './sweep.ts';
import { ending, opening, utterance } from './testing/appends.ts';
import { dataFolder } from './testing/data_folder.ts';
import { fakeStore } from './testing/fake_store.ts';

async function setUp(options: Partial<SweeperOptions> = {}) {
  const { spoolDir } = await dataFolder();
  const fake = fakeStore();
  const commits = new GroupCommit({ store: fake.store, retryFirstMs: 1 });
  const ledger = new LocalLedger({ commits, spoolDir, spoolAfterMs: 60_000 });
  const released: CallRecord[] = [];
  const sweeper = new Sweeper({
    store: fake.store,
    ledger,
    spoolDir,
    releaseRoom: (call) => {
      expect(fake.types(call.id)).not.toContain('call.ended');
      released.push(call);
      return Promise.resolve();
    },
    isHeld: () => Promise.resolve(false),
    everyMs: 5,
    releasePauseMs: 1,
    ...options,
  });
  onTestFinished(() => sweeper.close());
  const open = async (...rest: ReturnType<typeof opening>[]) => {
    const callId = rest[0]?.callId ?? newId('call');
    await fake.store.append([opening(callId), ...rest]);
    return callId;
  };
  const abandon = (callId: string) => fake.store.expireLeases([{ callId, lease: 1 }]);
  return { fake, spoolDir, sweeper, released, open, abandon };
}

const holders = { renewLeases: () => Promise.resolve() };

const answered = (callId: string) => ({
  callId,
  events: [{ id: newId('evt'), type: 'call.answered', time: Date.now(), data: {} }] as [
    ReturnType<typeof opening>['events'][0],
  ],
});

describe('Sweeper', () => {
  it('frees the room, then ends the call: failed first where nobody had answered', async () => {
    const { fake, sweeper, released, open, abandon } = await setUp();
    const ringing = await open();
    const talking = await open(answered(newId('call')));
    await abandon(ringing);
    await abandon(talking);
    sweeper.start(holders);
    await vi.waitFor(() => {
      expect(fake.types(ringing)).toEqual(['call.started', 'call.failed', 'call.ended']);
      expect(fake.types(talking)).toEqual(['call.started', 'call.answered', 'call.ended']);
    });
    expect(released.map(({ id }) => id).sort()).toEqual([ringing, talking].sort());
  });

  it('does not write a second call.failed', async () => {
    const { fake, sweeper, open, abandon } = await setUp();
    const callId = await open();
    const data = { sip_status: 486, reason: 'rejected' };
    const failed = { id: newId('evt'), type: 'call.failed', time: Date.now(), data };
    await fake.store.append([{ callId, events: [failed] }]);
    await abandon(callId);
    sweeper.start(holders);
    await vi.waitFor(() =>
      expect(fake.types(callId)).toEqual(['call.started', 'call.failed', 'call.ended']),
    );
  });

  it('leaves calls alone whose lease is alive', async () => {
    const { fake, sweeper, released, open, abandon } = await setUp();
    const [alive, dead] = [await open(), await open()];
    await abandon(dead);
    sweeper.start(holders);
    await vi.waitFor(() => expect(fake.types(dead)).toContain('call.ended'));
    expect(fake.types(alive)).toEqual(['call.started']);
    expect(released).toHaveLength(1);
  });

  it('ends a call that nobody has at once when told to, and leaves alone what somebody has', async () => {
    const held = new Set<string>();
    const isHeld = (callId: string) => Promise.resolve(held.has(callId));
    const { fake, sweeper, released, open } = await setUp({ isHeld });
    const [mine, nobodys] = [await open(), await open()];
    held.add(mine);
    sweeper.start(holders);
    expect(await sweeper.endUnheld({ id: mine, lease: 1 })).toBe(false);
    expect(await sweeper.endUnheld({ id: nobodys, lease: 1 })).toBe(true);
    await vi.waitFor(() => expect(fake.types(nobodys)).toContain('call.ended'));
    // Again, and with the lease of before: there is nothing left to end.
    expect(await sweeper.endUnheld({ id: nobodys, lease: 1 })).toBe(true);
    await vi.waitFor(() => expect(fake.expired).toHaveLength(2));
    expect(fake.types(nobodys)).toEqual(['call.started', 'call.failed', 'call.ended']);
    expect(fake.types(mine)).toEqual(['call.started']);
    expect(released.map(({ id }) => id)).toEqual([nobodys]);
  });

  // A worker that was killed with the process of a call left its phone ringing, answered and silent for
  // up to 30 s: until the lease had run out nobody looked.
  it('takes what the worker before has left behind, but for what somebody has', async () => {
    const held = new Set<string>();
    const isHeld = (callId: string) => Promise.resolve(held.has(callId));
    const { fake, sweeper, open } = await setUp({ isHeld });
    const [survivor, dead] = [await open(), await open()];
    held.add(survivor);
    sweeper.start(holders);
    sweeper.takeLeftBehind();
    await sweeper.tidied(AbortSignal.timeout(5_000));
    expect(fake.types(dead)).toContain('call.ended');
    expect(fake.types(survivor)).toEqual(['call.started']);
    expect(fake.call(survivor)).toMatchObject({ lease: 1 });
    expect(fake.expired).toEqual([dead]);
  });

  it.each(['dialing', 'ringing'] as const)(
    'ends a call that was not seen answered dial_failed, and says that nobody knows: %s',
    async (state) => {
      const { fake, sweeper, open, abandon } = await setUp();
      const append = vi.spyOn(fake.store, 'append');
      const callId = await open();
      Object.assign(fake.call(callId) ?? {}, { direction: 'outbound', state });
      await abandon(callId);
      sweeper.start(holders);
      await vi.waitFor(() => expect(fake.types(callId)).toContain('call.ended'));
      expect(append.mock.lastCall?.[0]).toMatchObject([
        {
          events: [
            { type: 'call.error', data: { code: 'answer_unknown' } },
            { type: 'call.failed', data: { reason: 'dial_failed', sip_status: null } },
            { type: 'call.ended', data: { end_reason: 'dial_failed' } },
          ],
        },
      ]);
    },
  );

  it('ends an outbound call that was answered worker_lost', async () => {
    const { fake, sweeper, open, abandon } = await setUp();
    const append = vi.spyOn(fake.store, 'append');
    const callId = await open(answered(newId('call')));
    Object.assign(fake.call(callId) ?? {}, { direction: 'outbound' });
    await abandon(callId);
    sweeper.start(holders);
    await vi.waitFor(() => expect(fake.types(callId)).toContain('call.ended'));
    expect(append.mock.lastCall?.[0]).toMatchObject([
      { events: [{ type: 'call.ended', data: { end_reason: 'worker_lost' } }] },
    ]);
  });

  it('says of a call that is adopted that its phone is taken on, and not that it ends', async () => {
    const adopt = vi.fn(() => Promise.resolve('adopted' as const));
    const { fake, sweeper, released, open, abandon } = await setUp({ adopt });
    const callId = await open();
    await abandon(callId);
    sweeper.start(holders);
    await vi.waitFor(() => expect(adopt).toHaveBeenCalled());
    await sweeper.close();
    expect(fake.types(callId)).toEqual(['call.started']);
    expect(released).toEqual([]);
  });

  it('ends a call whose end was asked for as it was asked, and gives its phone to nobody', async () => {
    const adopt = vi.fn(() => Promise.resolve('adopted' as const));
    const { fake, sweeper, open, abandon } = await setUp({ adopt });
    const callId = await open();
    const time = Date.now();
    const fact = { id: newId('fct'), kind: 'end_requested' as const, time, data: {} };
    await fake.store.append([{ callId, facts: [fact] }]);
    await abandon(callId);
    sweeper.start(holders);
    await vi.waitFor(() => expect(fake.types(callId)).toContain('call.ended'));
    expect(adopt).not.toHaveBeenCalled();
    expect(fake.types(callId)).toEqual(['call.started', 'call.failed', 'call.ended']);
    expect(fake.call(callId)?.endReason).toBe('ended_by_api');
  });

  it('takes the last words of the dead process in first, and then has nothing to end', async () => {
    const { fake, sweeper, released, open, abandon, spoolDir } = await setUp();
    const [callId, other] = [await open(), await open()];
    await abandon(callId);
    await abandon(other);
    await mkdir(spoolDir);
    const lines = [utterance(callId, 'bye'), ending(callId)].map((a) => JSON.stringify(a));
    // The pid of this process: also a process that hangs is heard before it is fenced.
    const name = `${callId}.${process.pid}.1.ndjson`;
    await writeFile(join(spoolDir, name), lines.map(spoolLine).join(''));
    sweeper.start(holders);
    await vi.waitFor(() => expect(fake.types(other)).toContain('call.ended'));
    await vi.waitFor(() =>
      expect(fake.types(callId)).toEqual(['call.started', 'transcript.final', 'call.ended']),
    );
    expect(released.map(({ id }) => id)).toEqual([other]);
  });

  it('does not call a call ended while its room is there', async () => {
    let reachable = false;
    let tries = 0;
    const releaseRoom = () => {
      tries++;
      return reachable ? Promise.resolve() : Promise.reject(new Error('LiveKit is away'));
    };
    const { fake, sweeper, open, abandon } = await setUp({ releaseRoom });
    const callId = await open();
    await abandon(callId);
    sweeper.start(holders);
    await vi.waitFor(() => expect(tries).toBeGreaterThan(2));
    expect(fake.types(callId)).toEqual(['call.started']);
    expect(fake.renewed).toContain(callId);
    reachable = true;
    await vi.waitFor(() => expect(fake.types(callId)).toContain('call.ended'));
    expect(fake.notes).toEqual([]);
  });

  it('records the end with a note when the room cannot be freed for long', async () => {
    const releaseRoom = () => Promise.reject(new Error('LiveKit is away'));
    const { fake, sweeper, open, abandon } = await setUp({ releaseRoom, releaseGiveUpMs: 5 });
    const callId = await open();
    await abandon(callId);
    sweeper.start(holders);
    await vi.waitFor(() => expect(fake.types(callId)).toContain('call.ended'));
    expect(fake.notes).toEqual([expect.stringContaining('room')]);
  });

  it('stops where somebody else takes the call over meanwhile', async () => {
    const tried = Promise.withResolvers<void>();
    const releaseRoom = () => {
      tried.resolve();
      return Promise.reject(new Error('LiveKit is away'));
    };
    const { fake, sweeper, open, abandon } = await setUp({ releaseRoom });
    const callId = await open();
    await abandon(callId);
    sweeper.start(holders);
    await tried.promise;
    fake.steal(callId);
    await sweeper.close();
    expect(fake.types(callId)).toEqual(['call.started']);
  });

  it('goes on after the store has failed', async () => {
    const { fake, sweeper, open, abandon } = await setUp();
    const callId = await open();
    await abandon(callId);
    const { abandonedCalls } = fake.store;
    let failures = 3;
    fake.store.abandonedCalls = (limit) =>
      failures-- > 0 ? Promise.reject(new Error('store is away')) : abandonedCalls(limit);
    sweeper.start(holders);
    await vi.waitFor(() => expect(fake.types(callId)).toContain('call.ended'));
  });

  it('ends a call also when the store chokes on its spool, and the other calls first', async () => {
    const { fake, sweeper, open, abandon, spoolDir } = await setUp();
    const [callId, other] = [await open(), await open()];
    const poison = utterance(callId, 'poison');
    await mkdir(spoolDir);
    const line = spoolLine(JSON.stringify(poison));
    await writeFile(join(spoolDir, `${callId}.${process.pid}.1.ndjson`), line);
    fake.chokeOn((append) => append.events?.[0]?.id === poison.events[0].id);
    await abandon(callId);
    await abandon(other);
    sweeper.start(holders);
    await vi.waitFor(() => expect(fake.types(other)).toContain('call.ended'));
    await vi.waitFor(() => expect(fake.types(callId)).toContain('call.ended'));
  });

  it('is not held up by a release that heeds no signal when it is closed', async () => {
    const called = Promise.withResolvers<void>();
    const releaseRoom = () => {
      called.resolve();
      return new Promise<void>(() => {});
    };
    const { fake, sweeper, open, abandon } = await setUp({ releaseRoom });
    const callId = await open();
    await abandon(callId);
    sweeper.start(holders);
    await called.promise;
    await sweeper.close();
    expect(fake.types(callId)).toEqual(['call.started']);
  });
});
