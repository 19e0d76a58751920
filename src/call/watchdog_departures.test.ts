import { describe, expect, it, vi } from 'vitest';
import type { FakeCallRoom } from './testing/fake_livekit.ts';
import {
  AGENT_NAME,
  accepts,
  admission,
  DELETED,
  DISPATCHED,
  endedUnheld,
  events,
  facts,
  freshScene,
  held,
  inLedger,
  ledger,
  livekit,
  logged,
  missed,
  quiet,
  recorded,
  ringing,
  watchdog,
} from './testing/watchdog_scene.ts';

freshScene();

describe('a caller whose agent has left', () => {
  /** The agent of job `j` was there and has gone; LiveKit lists its job as running. */
  function deserted(): FakeCallRoom {
    const room = ringing();
    room.take('j');
    room.agent('j');
    return room;
  }

  it('before the ledger heard of the call is dispatched again once, and then refused', async () => {
    const room = deserted();
    watchdog().take(livekit.left(room, 'agent-j', 'media_lost'));
    await vi.waitFor(() => expect(livekit.asked).toEqual([DISPATCHED, DELETED]));
    expect(recorded()).toEqual([missed('worker_lost')]);
  });

  it('gets another one; when that leaves as well, there is no third', async () => {
    const room = deserted();
    const dog = watchdog();
    livekit.onDispatch = (_, dispatch) => {
      room.take('k', dispatch);
      room.agent('k');
    };
    dog.take(livekit.left(room, 'agent-j'));
    await vi.waitFor(() => expect(livekit.asked).toEqual([DISPATCHED]));
    await quiet();
    expect(livekit.asked).toEqual([DISPATCHED]);
    dog.take(livekit.left(room, 'agent-k'));
    await vi.waitFor(() => expect(livekit.asked).toEqual([DISPATCHED, DELETED]));
    expect(recorded()).toEqual([missed('worker_lost')]);
  });

  it('is not dispatched a third time by a worker that has just started, either', async () => {
    const room = deserted();
    room.dispatch(AGENT_NAME, 'tenant-7');
    watchdog().take(livekit.left(room, 'agent-j'));
    await vi.waitFor(() => expect(livekit.asked).toEqual([DELETED]));
  });

  it('waits for the process as long as it lives', async () => {
    const room = deserted();
    const dog = watchdog();
    await accepts('j', room.ref);
    dog.take(livekit.left(room, 'agent-j'));
    await vi.waitFor(() => expect(livekit.looks).toBe(1));
    await quiet();
    expect(livekit.asked).toEqual([]);
  });

  it('is left to the sweep where nobody holds the call', async () => {
    const room = deserted();
    const { id } = inLedger(room);
    watchdog().take(livekit.left(room, 'agent-j', 'media_lost'));
    await vi.waitFor(() => expect(endedUnheld).toEqual([id]));
    await quiet();
    expect(livekit.asked).toEqual([]);
    expect(ledger.appends).toEqual([]);
  });

  it('is freed when the process lives, and does nothing', async () => {
    const room = deserted();
    held.add(inLedger(room).id);
    watchdog().take(livekit.left(room, 'agent-j', 'media_lost'));
    await vi.waitFor(() => expect(livekit.asked).toEqual([DELETED]));
    // The process ends its call itself, or the sweep does when it is gone.
    expect(ledger.appends).toEqual([]);
    expect(endedUnheld).toEqual([]);
  });

  it('keeps the agent who comes back', async () => {
    const room = deserted();
    held.add(inLedger(room).id);
    const dog = watchdog();
    livekit.onLook = (look) => {
      if (look === 2) room.agent('k');
    };
    dog.take(livekit.left(room, 'agent-j'));
    await vi.waitFor(() => expect(livekit.looks).toBe(2));
    await quiet();
    expect(livekit.asked).toEqual([]);
  });

  it('is not cut off in the middle of a transfer, until that must be over', async () => {
    const room = deserted();
    held.add(inLedger(room).id);
    facts.push({
      id: 'f',
      kind: 'tool_result',
      time: 0,
      data: { result: { status: 'transferring' } },
    });
    watchdog().take(livekit.left(room, 'agent-j'));
    await vi.waitFor(() => expect(livekit.asked).toEqual([DELETED]));
    expect(livekit.looks).toBe(5);
  });

  it('is cut off when the transfer has failed', async () => {
    const room = deserted();
    held.add(inLedger(room).id);
    facts.push({
      id: 'f',
      kind: 'tool_result',
      time: 0,
      data: { result: { status: 'transferring' } },
    });
    events.push({ type: 'call.transfer_failed' });
    watchdog().take(livekit.left(room, 'agent-j'));
    await vi.waitFor(() => expect(livekit.asked).toEqual([DELETED]));
    expect(livekit.looks).toBe(2);
  });

  it('is freed at once where the call has ended and its room could not be deleted', async () => {
    const room = deserted();
    inLedger(room, { state: 'ended', endedAt: Date.now() });
    watchdog().take(livekit.left(room, 'agent-j'));
    await vi.waitFor(() => expect(livekit.asked).toEqual([DELETED]));
    expect(ledger.appends).toEqual([]);
  });

  it('is not mistaken for the caller before in a room of the same name', async () => {
    const room = deserted();
    const { createdAt } = room.ref;
    inLedger(room, { state: 'ended', createdAt: createdAt - 9_000, endedAt: createdAt - 1 });
    watchdog().take(livekit.left(room, 'agent-j'));
    await vi.waitFor(() => expect(livekit.asked).toEqual([DISPATCHED, DELETED]));
  });

  it('is nobody where the whole room was deleted', async () => {
    const room = deserted();
    watchdog().take(livekit.left(room, 'agent-j', 'removed'));
    await quiet();
    expect(livekit.looks).toBe(0);
  });
});

describe('a call process that exits', () => {
  it('before the ledger heard of its caller leaves one who is dispatched again', async () => {
    const room = ringing();
    watchdog();
    await accepts('j', room.ref);
    room.take('j');
    admission.jobOver('j');
    await vi.waitFor(() => expect(livekit.asked).toEqual([DISPATCHED, DELETED]));
    expect(recorded()).toEqual([missed('worker_lost')]);
  });

  it('while no webhook ever came makes the worker say what is missing, once', async () => {
    const url = 'https://callwire.example.com/livekit/webhook';
    watchdog({ webhookUrl: url });
    for (const id of ['j', 'k']) {
      await accepts(id, { name: id, sid: id, createdAt: 0 });
      admission.jobOver(id);
    }
    const complaints = logged.filter(({ msg }) => msg.includes('no webhook of LiveKit'));
    expect(complaints).toMatchObject([{ url }]);
  });
});
