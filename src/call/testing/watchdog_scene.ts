import { pino } from 'pino';
import { beforeEach, expect, onTestFinished, vi } from 'vitest';
import type { CallRecord, FactDraft, StoredEvent } from '../../store/store.ts';
import type { RoomRef } from '../../telephony/room_ref.ts';
import { Admission } from '../admission.ts';
import { Watchdog } from '../watchdog.ts';
import { FakeLedger } from './fake_live_call.ts';
import { type FakeCallRoom, FakeLiveKit } from './fake_livekit.ts';

/*
 * What the tests of the watchdog look at: LiveKit, the ledger, the calls it has.
 */

export const AGENT_NAME = 'callwire';

export let livekit: FakeLiveKit;
export let ledger: FakeLedger;
/** What the ledger has. */
export let calls: CallRecord[];
export let facts: FactDraft[];
export let events: Pick<StoredEvent, 'type'>[];
/** Ids of calls whose process lives. */
export let held: Set<string>;
export let endedUnheld: string[];
export let logged: { level: number; msg: string }[];
export let admission: Admission;

/** All of it anew for each test: said by each file, for a module is loaded once for several. */
export function freshScene(): void {
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
}

export function watchdog({ webhookUrl = null as string | null } = {}): Watchdog {
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
    numbers: () => ['+15550100077'],
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
export function ringing(name?: string): FakeCallRoom {
  const room = livekit.open(name);
  room.phone();
  room.dispatch(AGENT_NAME, 'tenant-7');
  return room;
}

/** This worker takes a job. */
export async function accepts(id: string, { createdAt, ...ref }: RoomRef): Promise<void> {
  const room = { ...ref, creationTimeMs: BigInt(createdAt), creationTime: 0n };
  const job = { id, room, accept: () => Promise.resolve() };
  await admission.request(job as unknown as Parameters<Admission['request']>[0]);
  expect(admission.serves({ ...ref, createdAt })).toBe(true);
}

export function inLedger({ ref }: { ref: RoomRef }, more: Partial<CallRecord> = {}): CallRecord {
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

export const DISPATCHED = 'dispatch room-1 to callwire with tenant-7';
export const DELETED = 'delete room-1';

/** Until nothing is looked at any more. */
export async function quiet(): Promise<void> {
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

export function recorded(): unknown[] {
  return ledger.appends.map(({ open, events: [failed, ended] = [] }) => ({
    from: open?.from,
    to: open?.to,
    agentId: open?.agentId,
    failed: failed?.data,
    ended: ended?.data,
  }));
}

export function missed(reason: string, sip_status = 486): unknown {
  return {
    from: '+15550100001',
    to: '+15550100000',
    agentId: 'receptionist',
    failed: { sip_status, reason },
    ended: { end_reason: reason },
  };
}

export function phoneOf(identity: string) {
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
