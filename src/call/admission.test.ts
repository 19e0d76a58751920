import type { JobRequest } from '@livekit/agents';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LiveKitApi } from '../telephony/livekit_api.ts';
import type { RoomRef } from '../telephony/room_ref.ts';
import { Admission } from './admission.ts';
import { FakeLedger } from './testing/fake_live_call.ts';

let running: string[];
let ledger: FakeLedger;
let happened: string[];
let vacated: { room: RoomRef; job: string }[];
let participants: () => Promise<
  { identity: string; kind: number; attributes: Record<string, string> }[]
>;
let deleteRoom: () => Promise<void>;
beforeEach(() => {
  running = [];
  ledger = new FakeLedger();
  happened = [];
  vacated = [];
  participants = () =>
    Promise.resolve([
      { identity: 'agent-1', kind: 4, attributes: {} },
      {
        identity: 'sip_1',
        kind: 3,
        attributes: {
          'sip.callID': 'SCL_1',
          'sip.phoneNumber': '5550100001',
          'sip.trunkPhoneNumber': '+15550100000',
        },
      },
    ]);
  deleteRoom = () => Promise.resolve();
});
afterEach(() => {
  vi.useRealTimers();
});

function admission(maxCalls: number): Admission {
  const rooms = {
    listParticipants: () => participants(),
    deleteRoom: (room: string) => {
      happened.push(`delete ${room}`);
      return deleteRoom();
    },
  };
  return new Admission({
    maxCalls,
    runningJobs: () => [...running],
    livekit: { rooms } as unknown as LiveKitApi,
    ledger,
    vacated: (room, id) => vacated.push({ room, job: id }),
    agentFor: (to) => (to === '+15550100000' ? 'receptionist' : undefined),
    log: pino({ level: 'silent' }),
  });
}

interface Answers {
  accept?: () => Promise<void>;
  reject?: () => Promise<void>;
}

const works = () => Promise.resolve();

function job(
  id: string,
  { accept = works, reject = works }: Answers = {},
  metadata = '',
): JobRequest {
  return {
    id,
    job: { metadata },
    room: { name: `room-${id}`, sid: `RM_${id}`, creationTimeMs: 1_795_533_584_561n },
    accept: () => {
      happened.push(`accept ${id}`);
      return accept();
    },
    reject: () => {
      happened.push(`reject ${id}`);
      return reject();
    },
  } as unknown as JobRequest;
}

describe('a call for which there is a slot', () => {
  it('is accepted', async () => {
    await admission(2).request(job('a'));
    expect(happened).toEqual(['accept a']);
    expect(ledger.appends).toEqual([]);
  });

  it('has taken it before its job runs', async () => {
    const slots = admission(1);
    await Promise.all([slots.request(job('a')), slots.request(job('b'))]);
    expect(happened).toEqual(['accept a', 'delete room-b', 'reject b']);
  });

  it('takes only one when its job runs', async () => {
    const slots = admission(2);
    await slots.request(job('a'));
    running = ['a'];
    await slots.request(job('b'));
    expect(happened).toEqual(['accept a', 'accept b']);
  });

  it('gives it back when its job has ended', async () => {
    const slots = admission(1);
    await slots.request(job('a'));
    running = ['a'];
    expect(slots.load()).toBe(0.6);
    running = [];
    await slots.request(job('b'));
    expect(happened).toEqual(['accept a', 'accept b']);
  });

  it('gives it back when its job never comes', async () => {
    vi.useFakeTimers();
    const slots = admission(1);
    await slots.request(job('a'));
    expect(slots.load()).toBe(0.6);
    vi.advanceTimersByTime(15_000);
    expect(slots.load()).toBe(0);
    expect(vacated).toMatchObject([{ job: 'a' }]);
  });

  // The slot stayed taken for 15 s, and callers were refused by a worker that had nothing to do.
  it('gives it back when it cannot be accepted', async () => {
    const slots = admission(1);
    await slots.request(job('a', { accept: () => Promise.reject(new Error('socket closed')) }));
    expect(happened).toEqual(['accept a', 'reject a']);
    expect(slots.load()).toBe(0);
  });
});

// At 0.95 LiveKit did not ask any more: its nodes bid with what is left below their target load of
// 0.7. From the seventh of ten calls on callers rang until the trunk's time-out, and nothing told of
// them.
describe('the load that LiveKit is told', () => {
  it('is the share of the slots, but never so much that it stops asking', () => {
    const slots = admission(4);
    const loads = [0, 1, 2, 3, 4, 5].map((calls) => {
      running = Array.from({ length: calls }, (_, i) => `job-${i}`);
      return slots.load();
    });
    expect(loads.map((load) => Number(load.toFixed(2)))).toEqual([0, 0.15, 0.3, 0.45, 0.6, 0.6]);
  });

  it('counts the calls that are on their way', async () => {
    const slots = admission(4);
    await slots.request(job('a'));
    expect(slots.load()).toBe(0.15);
  });
});

describe('a call for which there is none', () => {
  it('is recorded as missed, hears busy, and is rejected', async () => {
    running = ['other'];
    await admission(1).request(job('a'));
    expect(happened).toEqual(['delete room-a', 'reject a']);
    expect(ledger.appends).toMatchObject([
      {
        lease: 1,
        open: {
          direction: 'inbound',
          from: '+15550100001',
          to: '+15550100000',
          agentId: 'receptionist',
          room: 'room-a',
        },
        events: [
          { type: 'call.failed', data: { sip_status: 486, reason: 'no_capacity' } },
          { type: 'call.ended', data: { end_reason: 'no_capacity' } },
        ],
      },
    ]);
    expect(ledger.appends[0]?.callId).toBe(ledger.appends[0]?.open?.id);
  });

  it('is the lot of every call while the worker drains', async () => {
    const slots = admission(4);
    slots.close();
    await slots.request(job('a'));
    expect(happened).toEqual(['delete room-a', 'reject a']);
  });

  it('hears busy even where nobody knows who called', async () => {
    participants = () => Promise.reject(new Error('unreachable'));
    await admission(0).request(job('a'));
    expect(happened).toEqual(['delete room-a', 'reject a']);
    expect(ledger.appends).toMatchObject([{ open: { from: null, to: '' } }]);
  });

  it('hears busy even where the ledger takes nothing', async () => {
    ledger.failure = new Error('disk full');
    await admission(0).request(job('a'));
    expect(happened).toEqual(['delete room-a', 'reject a']);
  });

  it('is rejected, and recorded, even where its room cannot be deleted', async () => {
    deleteRoom = () => Promise.reject(new Error('unreachable'));
    await admission(0).request(job('a'));
    expect(happened).toEqual(['delete room-a', 'reject a']);
    expect(ledger.appends).toHaveLength(1);
  });
});

// A caller whom nobody had taken within a second is dispatched again, and the worker that had only been
// slow was asked twice: two agents answered one caller.
// It was recorded as the missed call of a caller whom there had never been.
describe('an outbound call for which there is no slot', () => {
  it('is rejected and nobody’s missed call: it waits, and is dispatched again', async () => {
    const ticket = JSON.stringify({ call: 'call_1', lease: 2, task: 'dial' });
    await admission(0).request(job('a', {}, ticket));
    expect(happened).toEqual(['reject a']);
    expect(ledger.appends).toEqual([]);
  });
});

describe('a room that is asked for again', () => {
  /** The second job of the room of `a`. */
  const again = { ...job('a'), id: 'again' } as JobRequest;

  it('keeps the agent that it has', async () => {
    const slots = admission(4);
    await slots.request(job('a'));
    await slots.request(again);
    running = ['a'];
    await slots.request(again);
    expect(happened).toEqual(['accept a', 'reject a', 'reject a']);
    expect(ledger.appends).toEqual([]);
    expect(slots.load()).toBe(0.15);
  });

  it('gets another agent when the first one is gone', async () => {
    const slots = admission(4);
    await slots.request(job('a'));
    // agents-js may list it for a moment longer.
    running = ['a'];
    slots.jobOver('a');
    slots.jobOver('a');
    slots.jobOver('of another worker');
    const room = { name: 'room-a', sid: 'RM_a', createdAt: 1_795_533_584_561 };
    expect(vacated).toEqual([{ job: 'a', room }]);
    await slots.request(again);
    expect(happened).toEqual(['accept a', 'accept a']);
  });

  it('stays refused, and is recorded once', async () => {
    running = ['other'];
    const slots = admission(1);
    await slots.request(job('a'));
    running = [];
    await slots.request(again);
    expect(happened).toEqual(['delete room-a', 'reject a', 'delete room-a', 'reject a']);
    expect(ledger.appends).toHaveLength(1);
  });
});

describe('a caller whom nobody takes', () => {
  const room = { name: 'room-a', sid: 'RM_a', createdAt: 0 };

  it('is refused and recorded, and no job of the room is accepted any more', async () => {
    const slots = admission(4);
    const caller = { from: '+15550100009', to: '+15550100000' };
    const refused = slots.refuse(room, { reason: 'worker_lost', caller });
    await slots.request(job('a'));
    expect(await refused).toBe(true);
    expect(happened).toEqual(['delete room-a', 'delete room-a', 'reject a']);
    expect(ledger.appends).toMatchObject([
      {
        open: { ...caller, agentId: 'receptionist', room: 'room-a' },
        events: [
          { type: 'call.failed', data: { sip_status: 486, reason: 'worker_lost' } },
          { type: 'call.ended', data: { end_reason: 'worker_lost' } },
        ],
      },
    ]);
  });

  it('is not refused when a job of this worker has come for them at the last moment', async () => {
    const slots = admission(4);
    await slots.request(job('a'));
    expect(await slots.refuse(room)).toBe(false);
    expect(happened).toEqual(['accept a']);
    expect(ledger.appends).toEqual([]);
  });

  it('may be refused again where the room could not be deleted', async () => {
    const slots = admission(4);
    deleteRoom = () => Promise.reject(new Error('unreachable'));
    await expect(slots.refuse(room)).rejects.toThrow('unreachable');
    deleteRoom = () => Promise.resolve();
    expect(await slots.refuse(room)).toBe(true);
    expect(ledger.appends).toHaveLength(1);
  });
});

describe('a request', () => {
  it('never throws, whatever fails', async () => {
    const fail = () => Promise.reject(new Error('socket closed'));
    deleteRoom = fail;
    participants = fail;
    ledger.failure = new Error('disk full');
    const broken = { accept: fail, reject: fail };
    await admission(1).request(job('a', broken));
    await admission(0).request(job('b', broken));
  });
});
