import { pino } from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { CallTicket } from '../call/call_ticket.ts';
import type { DiallingVerdict } from '../gate/dial_gate.ts';
import type { DialTurn } from '../store/outbound_store.ts';
import type { CallRecord, ClaimedJob } from '../store/store.ts';
import { DialHandler, type DialHandlerOptions } from './dial_handler.ts';

const NOW = Date.UTC(2026, 0, 1);
const RECORD: DiallingVerdict['record'] = { allowed: true, at: '2026-01-01', reasons: [] };
const JOB = {
  id: 'job_1',
  callId: 'call_1',
  createdAt: NOW,
  body: { call: 'call_1' },
} as unknown as ClaimedJob;

function setUp(options: {
  state?: CallRecord['state'];
  verdict?: Partial<DiallingVerdict>;
  turn?: DialTurn;
  takenUp?: boolean;
  reserve?: DialHandlerOptions['capacity']['reserve'];
  dispatch?: () => Promise<string>;
  isComing?: () => Promise<boolean>;
}) {
  const { state = 'queued', verdict = {}, dispatch } = options;
  const gateRecord = { acceptance: 1 };
  const call = { id: 'call_1', state, lease: 1, room: 'call_1', outbound: { gate: gateRecord } };
  const waiting = call as unknown as CallRecord;
  const did: unknown[] = [];
  let places = 0;
  const handler = new DialHandler({
    store: {
      getCall: () => Promise.resolve(waiting),
      recordGate: (_, gate) => Promise.resolve(void did.push(['gate', gate])),
      takeForDialling: () =>
        Promise.resolve(options.turn ?? { status: 'taken', call: waiting, lease: 2 }),
    },
    desk: { takenUp: () => Promise.resolve(options.takenUp ?? true) },
    gate: {
      atDialling: () =>
        Promise.resolve({ record: RECORD, verdict: 'dial', ...verdict } as DiallingVerdict),
    },
    capacity: {
      reserve:
        options.reserve ??
        (() => {
          places++;
          return { ok: true, release: () => void places-- };
        }),
    },
    dispatch: (_, ticket: CallTicket) => {
      did.push(['dispatch', ticket]);
      call.lease = ticket.lease;
      return dispatch?.() ?? Promise.resolve('AD_1');
    },
    isComing: options.isComing ?? (() => Promise.resolve(false)),
    release: ({ room }) => Promise.resolve(void did.push(['release', room])),
    end: (_, lease, reason) => Promise.resolve(void did.push(['end', lease, reason])),
    log: pino({ level: 'silent' }),
    clock: () => NOW,
  });
  const attempt = async () => (await handler.attempt(JOB, new AbortController().signal)).verdict;
  return { handler, attempt, did, call, places: () => places };
}

afterEach(() => {
  vi.useRealTimers();
});

const gate = ['gate', { acceptance: 1, dialling: RECORD }];

it('hands a call over with a lease of its own, and is done when a process has begun', async () => {
  const { attempt, did, places } = setUp({});
  expect(await attempt()).toEqual({ kind: 'success' });
  expect(did).toEqual([gate, ['dispatch', { call: 'call_1', lease: 2, task: 'dial' }]]);
  expect(places()).toBe(0);
});

it('tries again where nobody has taken the call up, in a room that is free', async () => {
  const { attempt, did } = setUp({ takenUp: false });
  expect(await attempt()).toEqual({ kind: 'retry' });
  expect(did.at(-1)).toEqual(['release', 'call_1']);
});

// On a machine that was slow to start call processes, one call was dispatched six times in 90 s: every
// 10 s its room was deleted under a process that was about to come, and another one was waited for.
describe('a call whose process is slow to start', () => {
  const dispatches = (did: unknown[]) => did.filter((one) => (one as unknown[])[0] === 'dispatch');

  it('is dispatched once, and is done when the process has begun', async () => {
    const options = { takenUp: false, isComing: () => Promise.resolve(true) };
    const { attempt, did, call, places } = setUp(options);
    for (let waited = 0; waited < 8; waited++) {
      expect(await attempt()).toEqual({ kind: 'hold', untilMs: NOW });
      expect(places()).toBe(1);
    }
    call.state = 'dialing';
    expect(await attempt()).toEqual({ kind: 'success' });
    expect(dispatches(did)).toHaveLength(1);
    expect(did.at(-1)).not.toEqual(['release', 'call_1']);
    expect(places()).toBe(0);
  });

  it('is dispatched again when the worker that had the job has it no more', async () => {
    let comes = true;
    const options = { takenUp: false, isComing: () => Promise.resolve(comes) };
    const { attempt, did, places } = setUp(options);
    expect(await attempt()).toEqual({ kind: 'hold', untilMs: NOW });
    comes = false;
    expect(await attempt()).toEqual({ kind: 'retry' });
    expect(did.at(-1)).toEqual(['release', 'call_1']);
    expect(places()).toBe(0);
    await attempt();
    expect(dispatches(did)).toHaveLength(2);
  });

  it('is not dispatched again because LiveKit cannot be asked', async () => {
    const options = { takenUp: false, isComing: () => Promise.reject(new Error('unreachable')) };
    const { attempt, did } = setUp(options);
    expect(await attempt()).toEqual({ kind: 'hold', untilMs: NOW });
    expect(did.at(-1)).toEqual(['dispatch', { call: 'call_1', lease: 2, task: 'dial' }]);
  });

  it('is not waited for for ever', async () => {
    vi.useFakeTimers();
    const { attempt, did } = setUp({ takenUp: false, isComing: () => Promise.resolve(true) });
    await attempt();
    vi.advanceTimersByTime(120_000);
    expect(await attempt()).toEqual({ kind: 'retry' });
    expect(did.at(-1)).toEqual(['release', 'call_1']);
  });
});

it('waits for a slot, and counts no attempt', async () => {
  const { attempt, did } = setUp({ reserve: () => ({ ok: false, againInMs: 250 }) });
  expect(await attempt()).toEqual({ kind: 'hold', untilMs: NOW + 250 });
  expect(did).toEqual([]);
});

it('waits for the hours of the callee', async () => {
  const { attempt, did } = setUp({ verdict: { verdict: 'wait', until: NOW + 3_600_000 } });
  expect(await attempt()).toEqual({ kind: 'hold', untilMs: NOW + 3_600_000 });
  expect(did).toEqual([gate]);
});

it('ends a call that the gate blocks, undialled', async () => {
  const { attempt, did } = setUp({ verdict: { verdict: 'block' } });
  expect(await attempt()).toEqual({ kind: 'success' });
  expect(did).toEqual([gate, ['end', 2, 'blocked']]);
});

it.each(['dialing', 'ringing', 'active', 'ended'] as const)(
  'never touches a call that is %s: somebody has begun, or it is over',
  async (state) => {
    const { attempt, did } = setUp({ state });
    expect(await attempt()).toEqual({ kind: 'success' });
    expect(did).toEqual([]);
  },
);

it('dispatches nothing where somebody was quicker', async () => {
  const { attempt, did } = setUp({ turn: { status: 'ended' } });
  expect(await attempt()).toEqual({ kind: 'success' });
  expect(did).toEqual([]);
});

it('tries again where LiveKit does not answer', async () => {
  const { attempt, places } = setUp({ dispatch: () => Promise.reject(new Error('unreachable')) });
  expect(await attempt()).toEqual({ kind: 'retry' });
  expect(places()).toBe(0);
});

it('ends a call that nobody could be found for, under the same ids each time', () => {
  const { handler } = setUp({});
  const outcome = {} as Parameters<DialHandler['result']>[1];
  const append = handler.result(JOB, outcome, 'exhausted');
  expect(append?.events?.map(({ type, data }) => [type, data])).toEqual([
    ['call.failed', { sip_status: null, reason: 'dial_failed' }],
    ['call.ended', { end_reason: 'dial_failed' }],
  ]);
  expect(handler.result(JOB, outcome, 'exhausted')).toEqual(append);
  expect(handler.result(JOB, outcome, 'done')).toBeNull();
});
