import { pino } from 'pino';
import { expect, it } from 'vitest';
import { BEGIN_DIALLING, DIAL_ORDER } from '../call/dial_orders.ts';
import type { Decision } from '../gate/decision.ts';
import type { DialGuard } from '../store/outbound_store.ts';
import type { Append, AppendResult, CallRecord } from '../store/store.ts';
import { DialDesk } from './dial_desk.ts';

const ASKED = { callId: 'call_1', lease: 2 };
const GUARD: DialGuard = { since: 7, dialledToNumber: 3, spentMicrousd: null };
const REFUSAL: Decision = { allowed: false, at: '2026-01-01', reasons: [] };

function setUp(result: AppendResult = { status: 'appended' }) {
  const call = {
    id: 'call_1',
    state: 'queued',
    lease: 2,
    createdAt: 1_000,
    agentId: 'front-desk',
    from: '+15550100000',
    to: '+15550100009',
    outbound: { variables: { name: 'Ada' }, gate: { acceptance: 1 } },
  } as unknown as CallRecord & { state: string; lease: number };
  const appends: Append[] = [];
  const gates: unknown[] = [];
  const desk = new DialDesk({
    store: {
      getCall: () => Promise.resolve(call),
      recordGate: (_, gate) => Promise.resolve(void gates.push(gate)),
    },
    gate: {
      guardAtDialling: () => GUARD,
      atDialling: () => Promise.resolve({ verdict: 'block', record: REFUSAL }),
    },
    commit: (append) => {
      appends.push(append);
      return Promise.resolve(result);
    },
    trunkId: () => Promise.resolve('ST_1'),
    log: pino({ level: 'silent' }),
  });
  const ask = (method: string, params: unknown = ASKED) =>
    desk.requests[method]!(params, new AbortController().signal);
  return { desk, ask, call, appends, gates };
}

it('gives the order of a lease to one process', async () => {
  const { ask } = setUp();
  expect(await ask(DIAL_ORDER)).toEqual({
    state: 'queued',
    agentId: 'front-desk',
    from: '+15550100000',
    to: '+15550100009',
    variables: { name: 'Ada' },
    trunkId: 'ST_1',
  });
  await expect(ask(DIAL_ORDER)).rejects.toMatchObject({ code: 'CALL_NOT_YOURS' });
});

it.each([{ lease: 3 }, { state: 'active' }, { outbound: null }])(
  'gives no order for a call that is somebody else’s: %j',
  async (rest) => {
    const { ask, call } = setUp();
    Object.assign(call, rest);
    await expect(ask(DIAL_ORDER)).rejects.toMatchObject({ code: 'CALL_NOT_YOURS' });
  },
);

it('says of a call that is over that it is, for its room is nobody’s then', async () => {
  const { ask, call } = setUp();
  Object.assign(call, { state: 'ended' });
  await expect(ask(DIAL_ORDER)).rejects.toMatchObject({ code: 'CALL_OVER' });
});

it('permits dialling by committing call.started under the lease, with an id of its own', async () => {
  const { ask, appends } = setUp();
  expect(await ask(BEGIN_DIALLING)).toBe('begun');
  expect(await ask(BEGIN_DIALLING)).toBe('begun');
  expect(appends[0]).toMatchObject({
    callId: 'call_1',
    lease: 2,
    events: [{ type: 'call.started' }],
    dial: GUARD,
  });
  expect(appends[1]?.events?.[0]?.id).toBe(appends[0]?.events?.[0]?.id);
});

it('does not permit it to a process that another has taken the call from', async () => {
  const { ask, gates } = setUp({ status: 'fenced' });
  expect(await ask(BEGIN_DIALLING)).toBe('fenced');
  expect(gates).toEqual([]);
});

it.each(['CALL_SUPPRESSED', 'CALLS_TO_NUMBER', 'SPEND_CAP'])(
  'does not permit it where the ledger says %s, and the call’s record says why',
  async (code) => {
    const { ask, gates } = setUp({ status: 'refused', code, message: '' });
    expect(await ask(BEGIN_DIALLING)).toBe('blocked');
    expect(gates).toEqual([{ acceptance: 1, dialling: REFUSAL }]);
  },
);

it('takes any other refusal for a fault', async () => {
  const { ask } = setUp({ status: 'refused', code: 'APPEND_INVALID', message: '' });
  await expect(ask(BEGIN_DIALLING)).rejects.toMatchObject({ code: 'LEDGER_REFUSED' });
});

it('does not permit it twice', async () => {
  const { ask, call, appends } = setUp();
  call.state = 'dialing';
  expect(await ask(BEGIN_DIALLING)).toBe('fenced');
  expect(appends).toEqual([]);
});

it('tells who waits that a process has begun, or has asked for its order', async () => {
  const { desk, ask } = setUp();
  const open = new AbortController().signal;
  const [taken, ordered] = [desk.takenUp('call_1', open), desk.ordered('call_1', 2, open)];
  await ask(DIAL_ORDER);
  await ask(BEGIN_DIALLING);
  expect(await Promise.all([taken, ordered])).toEqual([true, true]);
  expect(await desk.ordered('call_1', 2, open)).toBe(true);
  expect(await desk.ordered('call_1', 3, AbortSignal.timeout(10))).toBe(false);
  expect(await desk.takenUp('call_1', AbortSignal.timeout(10))).toBe(false);
});
