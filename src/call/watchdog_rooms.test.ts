import { describe, expect, it, vi } from 'vitest';
import {
  endedUnheld,
  freshScene,
  held,
  inLedger,
  ledger,
  livekit,
  quiet,
  ringing,
  watchdog,
} from './testing/watchdog_scene.ts';

freshScene();

describe('a worker that LiveKit has registered', () => {
  it('looks after those who came before it', async () => {
    const lonely = ringing('lonely');
    const silent = ringing('silent');
    // A process that was killed stays in the list for 20 s.
    silent.agent('dead');
    const { id } = inLedger(silent);
    const served = ringing('served');
    served.agent('j');
    held.add(inLedger(served).id);
    livekit.open('empty');
    livekit.onDispatch = (room, dispatch) => room.take('k', dispatch);
    await watchdog().lookAround();
    await vi.waitFor(() => expect(endedUnheld).toEqual([id]));
    await vi.waitFor(() => expect(livekit.asked).toHaveLength(1));
    await quiet();
    expect(livekit.asked).toEqual([`dispatch ${lonely.ref.name} to callwire with tenant-7`]);
  });

  it('starts all the same where LiveKit does not say which rooms there are', async () => {
    livekit.failures = 1;
    await watchdog().lookAround();
    expect(livekit.looks).toBe(0);
  });
});

describe('a room that is finished', () => {
  it('closes the call that nobody holds, and no other', async () => {
    const [orphan, running, over, unknown] = ['a', 'b', 'c', 'd'].map((name) => ringing(name));
    const dog = watchdog();
    const { id } = inLedger(orphan!);
    held.add(inLedger(running!).id);
    inLedger(over!, { state: 'ended', endedAt: Date.now() });
    for (const room of [orphan, running, over, unknown]) dog.take(livekit.finished(room!));
    await vi.waitFor(() => expect(endedUnheld).toEqual([id]));
    await quiet();
    expect(endedUnheld).toEqual([id]);
    expect(ledger.appends).toEqual([]);
    expect(livekit.asked).toEqual([]);
  });

  it('before its caller is told of is a room without callers', async () => {
    const room = ringing();
    const joined = livekit.joined(room);
    const dog = watchdog();
    dog.take(livekit.finished(room));
    dog.take(joined);
    await vi.waitFor(() => expect(livekit.looks).toBe(1));
    await quiet();
    expect(livekit.asked).toEqual([]);
    expect(ledger.appends).toEqual([]);
  });
});

it('a watchdog that is closed does nothing more', async () => {
  const room = ringing();
  const dog = watchdog();
  dog.take(livekit.joined(room));
  await dog.close();
  dog.take(livekit.left(room, 'sip_1'));
  dog.vacated(room.ref, 'j');
  await quiet();
  expect(livekit.looks).toBe(0);
});
