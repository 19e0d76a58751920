import { pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import type { LedgerClient } from '../ledger/client.ts';
import type { RequestHandlers } from '../ledger/host_session.ts';
import type { CallRecord } from '../store/store.ts';
import type { LiveCall } from './live_call.ts';
import { isAnothers, roomClaimRequests } from './room_claim.ts';

const ROOM = { name: 'call_+15550100001_ab12', sid: 'RM_1', createdAt: 1_795_533_584_561 };

let calls: Pick<CallRecord, 'id' | 'endedAt'>[];
/** Pids of processes that live. */
let alive: Set<number>;
let requests: RequestHandlers;

beforeEach(() => {
  calls = [];
  alive = new Set([1, 2]);
  requests = roomClaimRequests(
    { callsOfRoom: () => Promise.resolve(calls as CallRecord[]) },
    { isAlive: (pid) => alive.has(pid) },
  );
});

async function isTaken(pid: number, callId = `call_${pid}`): Promise<boolean> {
  const params = { callId, pid, room: ROOM };
  const answer = await requests['rooms.claim']!(params, new AbortController().signal);
  return (answer as { taken: boolean }).taken;
}

// On a machine under extreme load one inbound call became two records:
//   0 s   the caller's job is accepted, and waits for a process that does not start
//   17 s  nobody seems to have the caller: dispatched again, or refused as missed, with a record
//   20 s  both processes are there. The one without a phone recorded a call of its own, `to` empty.
describe('a caller who was given to two processes', () => {
  it('is one call: whoever comes second opens none', async () => {
    expect(await Promise.all([isTaken(1), isTaken(2)])).toEqual([false, true]);
    calls = [{ id: 'call_1', endedAt: null }];
    expect(await isTaken(1)).toBe(false);
    expect(await isTaken(2)).toBe(true);
  });

  it('is not recorded again by the process that comes when the missed call is recorded', async () => {
    calls = [{ id: 'call_missed', endedAt: ROOM.createdAt + 17_000 }];
    expect(await isTaken(1)).toBe(true);
  });

  it('is free for the second where the first died before it had opened the call', async () => {
    expect(await isTaken(1)).toBe(false);
    alive.delete(1);
    expect(await isTaken(2)).toBe(false);
  });
});

it('a room of the same name that was there before is another call’s', async () => {
  calls = [{ id: 'call_before', endedAt: ROOM.createdAt - 5_000 }];
  expect(await isTaken(1)).toBe(false);
});

describe('a call process', () => {
  // As agents-js hands it over: JSON.
  const room = { name: ROOM.name, sid: ROOM.sid, creationTimeMs: String(ROOM.createdAt) };
  const call = {
    id: 'call_1',
    job: { job: { room } },
    log: pino({ level: 'silent' }),
  } as unknown as LiveCall;

  it('asks for the room of its job', async () => {
    calls = [{ id: 'call_missed', endedAt: ROOM.createdAt }];
    const asked: unknown[] = [];
    const request = ((method: string, params: unknown, signal: AbortSignal) => {
      asked.push(params);
      return requests[method]!(params, signal);
    }) as LedgerClient['request'];
    expect(await isAnothers(call, { request })).toBe(true);
    expect(asked).toEqual([{ callId: 'call_1', pid: process.pid, room: ROOM }]);
  });

  it('takes the caller where the worker does not answer', async () => {
    const request = () => Promise.reject(new Error('nobody answers'));
    expect(await isAnothers(call, { request })).toBe(false);
  });
});
