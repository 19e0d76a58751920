import { pino } from 'pino';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { CallRecord, FactDraft, StoredEvent } from '../store/store.ts';
import type { RoomRef } from '../telephony/room_ref.ts';
import { Admission } from './admission.ts';
import { FakeLedger } from './testing/fake_live_call.ts';
import { type FakeCallRoom, FakeLiveKit } from './testing/fake_livekit.ts';
import { Watchdog } from './watchdog.ts';

const AGENT_NAME = 'callwire';

let livekit: FakeLiveKit;
let ledger: FakeLedger;
/** What the ledger has. */
let calls: CallRecord[];
let facts: FactDraft[];
let events: Pick<StoredEvent, 'type'>[];
/** Ids of calls whose process lives. */
let held: Set<string>;
let endedUnheld: string[];
let logged: { level: number; msg: string }[];
let admission: Admission;

beforeEach(() => {
  livekit = new FakeLiveKit();
  ledger = new FakeLedger();
  calls = [];
  facts = [];
  events = [];
  held = new Set();
  endedUnheld = [];
  logged = [];
});

function watchdog({ webhookUrl = null as string | null } = {}): Watchdog {
  const log = pino({}, { write: (line: string) => void logged.push(JSON.parse(line)) });
  admission = new Admission({
    maxCalls: 4,
    runningJobs: () => [],
    vacated: (room, job) => dog.vacated(room, job),
    livekit: livekit.api,
    ledger,
    agentFor: () => 'receptionist',
    log,
  });
  const dog = new Watchdog({
    livekit: livekit.api,
    agentName: AGENT_NAME,
    numbers: ['+15550100077'],
    store: {
      callsOfRoom: (room, since) =>
        Promise.resolve(calls.filter((one) => one.room === room && one.createdAt >= since)),
      listFacts: () => Promise.resolve(facts),
      listCallEvents: () => Promise.resolve(events as StoredEvent[]),
    },
    admission,
    endUnheld: ({ id }) => {
      if (held.has(id)) return Promise.resolve(false);
      endedUnheld.push(id);
      return Promise.resolve(true);
    },
    webhookUrl: () => webhookUrl,
    log,
    takeMs: 5,
    vacatedMs: 5,
    retryMs: 1,
    timing: { againMs: 5, leaveMs: 5, settleMs: 5 },
  });
  onTestFinished(() => dog.close());
  return dog;
}

/** A room with a caller whose call was dispatched to us. */
function ringing(name?: string): FakeCallRoom {
  const room = livekit.open(name);
  room.phone();
  room.dispatch(AGENT_NAME, 'tenant-7');
  return room;
}

/** This worker takes a job. */
async function accepts(id: string, { createdAt, ...ref }: RoomRef): Promise<void> {
  const room = { ...ref, creationTimeMs: BigInt(createdAt), creationTime: 0n };
  const job = { id, room, accept: () => Promise.resolve() };
  await admission.request(job as unknown as Parameters<Admission['request']>[0]);
  expect(admission.serves({ ...ref, createdAt })).toBe(true);
}

function inLedger({ ref }: { ref: RoomRef }, more: Partial<CallRecord> = {}): CallRecord {
  const call = {
    id: `call_${calls.length + 1}`,
    room: ref.name,
    state: 'active',
    lease: 1,
    createdAt: ref.createdAt,
    endedAt: null,
    ...more,
  } as CallRecord;
  calls.push(call);
  return call;
}

const DISPATCHED = 'dispatch room-1 to callwire with tenant-7';
const DELETED = 'delete room-1';

/** Until nothing is looked at any more. */
async function quiet(): Promise<void> {
  let looks = -1;
  await vi.waitFor(
    () => {
      const before = looks;
      looks = livekit.looks;
      expect(before).toBe(looks);
    },
    { interval: 40, timeout: 5_000 },
  );
}

function recorded(): unknown[] {
  return ledger.appends.map(({ open, events: [failed, ended] = [] }) => ({
    from: open?.from,
    to: open?.to,
    agentId: open?.agentId,
    failed: failed?.data,
    ended: ended?.data,
  }));
}

function missed(reason: string, sip_status = 486): unknown {
  return {
    from: '+15550100001',
    to: '+15550100000',
    agentId: 'receptionist',
    failed: { sip_status, reason },
    ended: { end_reason: reason },
  };
}

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

function phoneOf(identity: string) {
  const phone = {
    identity,
    from: '+15550100001',
    to: '+15550100000',
    sipCallId: 'SCL_1',
    headers: {},
    inbound: true,
  };
  return { kind: 'phone' as const, phone, departure: 'hung_up' as const };
}
