import { describe, expect, it, vi } from 'vitest';
import {
  AGENT_NAME,
  accepts,
  DELETED,
  DISPATCHED,
  endedUnheld,
  freshScene,
  held,
  inLedger,
  ledger,
  livekit,
  missed,
  phoneOf,
  quiet,
  recorded,
  ringing,
  watchdog,
} from './testing/watchdog_scene.ts';

freshScene();

describe('a caller whom a worker has taken', () => {
  it('is left alone, by the job, whoever has joined', async () => {
    const room = ringing();
    room.take('j');
    watchdog().take(livekit.joined(room));
    await vi.waitFor(() => expect(livekit.looks).toBe(1));
    await quiet();
    expect(livekit.asked).toEqual([]);
    expect(ledger.appends).toEqual([]);
  });

  it('is left alone where the job is this worker’s, and LiveKit does not know of it yet', async () => {
    const room = ringing();
    const dog = watchdog();
    await accepts('j', room.ref);
    dog.take(livekit.joined(room));
    await quiet();
    expect(livekit.asked).toEqual([]);
  });

  it('is left alone when the ledger has the call and its agent is there', async () => {
    const room = ringing();
    room.agent('j');
    held.add(inLedger(room).id);
    watchdog().take(livekit.joined(room));
    await quiet();
    expect(livekit.asked).toEqual([]);
    expect(endedUnheld).toEqual([]);
  });
});

describe('a caller whom no worker has taken', () => {
  it('is dispatched again once, and then refused and recorded', async () => {
    const room = ringing();
    watchdog().take(livekit.joined(room));
    await vi.waitFor(() => expect(livekit.asked).toEqual([DISPATCHED, DELETED]));
    expect(recorded()).toEqual([missed('no_capacity')]);
    await quiet();
    expect(livekit.asked).toHaveLength(2);
  });

  it('is left to the worker that takes the second dispatch', async () => {
    const room = ringing();
    livekit.onDispatch = (_, dispatch) => room.take('j', dispatch);
    watchdog().take(livekit.joined(room));
    await vi.waitFor(() => expect(livekit.asked).toEqual([DISPATCHED]));
    await quiet();
    expect(livekit.asked).toEqual([DISPATCHED]);
    expect(ledger.appends).toEqual([]);
  });

  it('is left to the worker that takes the first one late', async () => {
    const room = ringing();
    livekit.onDispatch = () => room.take('j', room.dispatches[0]);
    watchdog().take(livekit.joined(room));
    await vi.waitFor(() => expect(livekit.asked).toEqual([DISPATCHED]));
    await quiet();
    expect(livekit.asked).toEqual([DISPATCHED]);
  });

  it('is not refused when a job of this worker is the first thing to be seen of a taker', async () => {
    const room = ringing();
    livekit.onDispatch = () => void accepts('j', room.ref);
    watchdog().take(livekit.joined(room));
    await vi.waitFor(() => expect(livekit.asked).toEqual([DISPATCHED]));
    await quiet();
    expect(livekit.asked).toEqual([DISPATCHED]);
  });

  it('has nobody in a job that has ended', async () => {
    const room = ringing();
    room.take('j', room.dispatches[0], 3);
    watchdog().take(livekit.joined(room));
    await vi.waitFor(() => expect(livekit.asked).toEqual([DISPATCHED, DELETED]));
  });

  it('is not looked after twice for a webhook that comes twice', async () => {
    const room = ringing();
    room.take('j');
    const dog = watchdog();
    const notice = livekit.joined(room);
    dog.take(notice);
    await quiet();
    dog.take(notice);
    await quiet();
    expect(livekit.looks).toBe(1);
  });

  it('is nobody any more when the worker has refused the call itself, or the caller hung up', async () => {
    const [refused, gone] = [ringing(), ringing('room-2')];
    livekit.rooms.delete('room-1');
    gone.leave('sip_1');
    const dog = watchdog();
    dog.take({ ...livekit.joined(refused), participant: phoneOf('sip_1') });
    dog.take({ ...livekit.joined(gone), participant: phoneOf('sip_1') });
    await vi.waitFor(() => expect(livekit.looks).toBe(2));
    await quiet();
    expect(livekit.asked).toEqual([]);
    expect(ledger.appends).toEqual([]);
  });

  it('is not forgotten because LiveKit cannot be asked for a moment', async () => {
    const room = ringing();
    livekit.failures = 3;
    watchdog().take(livekit.joined(room));
    await vi.waitFor(() => expect(livekit.asked).toEqual([DISPATCHED, DELETED]));
    expect(recorded()).toEqual([missed('no_capacity')]);
  });

  it('is recorded once where the refusal takes several tries', async () => {
    const room = ringing();
    livekit.deleteFailures = 3;
    watchdog().take(livekit.joined(room));
    await vi.waitFor(() => expect(livekit.asked).toEqual([DISPATCHED, DELETED]));
    expect(recorded()).toEqual([missed('no_capacity')]);
  });

  it('is refused even where nothing can be recorded', async () => {
    const room = ringing();
    ledger.failure = new Error('disk full');
    watchdog().take(livekit.joined(room));
    await vi.waitFor(() => expect(livekit.asked).toEqual([DISPATCHED, DELETED]));
  });
});

describe('a caller of somebody else', () => {
  it('is left alone: another agent, no agent at all, a phone that was called, a browser', async () => {
    const foreign = livekit.open('foreign');
    foreign.phone();
    foreign.dispatch('other-agent');
    const unnamed = livekit.open('unnamed');
    unnamed.phone();
    unnamed.dispatch('');
    const outbound = livekit.open('outbound');
    outbound.phone('sip_1', {});
    delete outbound.participants[0]?.attributes['sip.ruleID'];
    outbound.dispatch(AGENT_NAME);
    const dog = watchdog();
    for (const room of [foreign, unnamed, outbound]) dog.take(livekit.joined(room));
    dog.take({ id: 'EV_b', event: 'participant_joined', room: foreign.ref, participant: null });
    dog.take({
      id: 'EV_e',
      event: 'egress_started',
      room: { name: '', sid: '', createdAt: 0 },
      participant: null,
    });
    await vi.waitFor(() => expect(livekit.looks).toBe(2));
    dog.take(livekit.left(foreign, 'sip_1'));
    await quiet();
    expect(livekit.asked).toEqual([]);
    expect(ledger.appends).toEqual([]);
  });

  it('is ours all the same when the dialled number is', async () => {
    const renamed = livekit.open('renamed');
    renamed.phone('sip_1', { 'sip.trunkPhoneNumber': '+15550100077' });
    renamed.dispatch('name-of-before');
    const unnamed = livekit.open('unnamed');
    unnamed.phone('sip_1', { 'sip.trunkPhoneNumber': '+15550100077' });
    unnamed.dispatch('');
    const dog = watchdog();
    dog.take(livekit.joined(renamed));
    await vi.waitFor(() =>
      expect(livekit.asked).toEqual(['dispatch renamed to name-of-before', 'delete renamed']),
    );
    livekit.onDispatch = (room, dispatch) => room.take('j', dispatch);
    dog.take(livekit.joined(unnamed));
    await vi.waitFor(() => expect(livekit.asked[2]).toBe('dispatch unnamed to callwire'));
    await quiet();
    expect(livekit.asked).toHaveLength(3);
    expect(ledger.appends).toHaveLength(1);
  });

  it('is a caller who has another phone to talk to', async () => {
    const room = ringing();
    room.phone('sip_2');
    inLedger(room, { state: 'ended', endedAt: Date.now() });
    watchdog().take(livekit.joined(room));
    await quiet();
    expect(livekit.asked).toEqual([]);
  });
});

describe('a caller who gives up', () => {
  const gaveUp = () => missed('caller_hung_up', 487);

  it('before any worker had taken the call is a missed call', async () => {
    const room = ringing();
    const dog = watchdog();
    dog.take(livekit.joined(room));
    dog.take(livekit.left(room, 'sip_1'));
    await vi.waitFor(() => expect(livekit.asked).toEqual([DELETED]));
    expect(recorded()).toEqual([gaveUp()]);
  });

  /*
   * A worker was restarted while a phone rang. livekit-sip gave the call up before the new one was
   * there, and the record said that the caller had.
   */
  it('has not done so where livekit-sip gave the call up: nobody took it', async () => {
    const room = ringing();
    watchdog().take(livekit.left(room, 'sip_1', 'given_up'));
    await vi.waitFor(() => expect(livekit.asked).toEqual([DELETED]));
    expect(recorded()).toEqual([missed('no_capacity')]);
  });

  it('while the call is dispatched again is one, too', async () => {
    const room = ringing();
    const dog = watchdog();
    livekit.onDispatch = () => dog.take(livekit.left(room, 'sip_1'));
    dog.take(livekit.joined(room));
    await vi.waitFor(() => expect(livekit.asked).toEqual([DISPATCHED, DELETED]));
    expect(recorded()).toEqual([gaveUp()]);
  });

  it('is recorded by whoever had the call: the ledger, a job, the worker that refused it', async () => {
    const known = ringing('known');
    inLedger(known);
    const taken = ringing('taken');
    taken.take('j');
    const ours = ringing('ours');
    const deleted = ringing('deleted');
    const removed = ringing('removed');
    const dog = watchdog();
    await accepts('k', ours.ref);
    for (const room of [known, taken, ours, deleted]) dog.take(livekit.left(room, 'sip_1'));
    dog.take(livekit.left(removed, 'sip_1', 'removed'));
    livekit.rooms.delete('deleted');
    await vi.waitFor(() => expect(livekit.looks).toBe(2));
    await quiet();
    expect(livekit.asked).toEqual([]);
    expect(ledger.appends).toEqual([]);
  });

  it('has not given up when a reconnect brings the phone back', async () => {
    const room = ringing();
    const dog = watchdog();
    dog.take(livekit.left(room, 'sip_1'));
    room.phone();
    await vi.waitFor(() => expect(livekit.asked).toEqual([DISPATCHED, DELETED]));
    expect(recorded()).toEqual([missed('no_capacity')]);
  });
});
