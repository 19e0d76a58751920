import { expect, it } from 'vitest';
import { draftEvent, type Outcome } from '../../events/catalogue.ts';
import { newId } from '../../ids.ts';
import type { Store } from '../../store/store.ts';
import { testApi } from '../testing/test_api.ts';
import { write } from '../testing/written_call.ts';

const DAY = Date.UTC(2026, 2, 1);
const HOUR_MS = 3_600_000;

interface Call {
  at: number;
  outcome?: Outcome;
  agentId?: string;
  direction?: 'inbound' | 'outbound';
  talkedMs?: number;
}

/** A call that talked on a known model would have a price; these have none but 0. */
async function call(store: Store, { at, outcome, agentId, direction, talkedMs }: Call) {
  const id = newId('call', at);
  const answered = draftEvent('call.answered', { ring_ms: 1, context: 'none' }, { time: at });
  const ended = draftEvent(
    'call.ended',
    { end_reason: 'caller_hung_up' },
    { time: at + (talkedMs ?? 0) },
  );
  const rest = { extraction: null, recording_url: null, recording_expires_at: null };
  await write(store, {
    callId: id,
    open: {
      id,
      direction: direction ?? 'inbound',
      from: '+15550100001',
      to: '+15550100000',
      agentId: agentId ?? 'receptionist',
      room: id,
      metadata: {},
      time: at,
    },
    events: [
      ...(talkedMs === undefined ? [] : [answered]),
      ended,
      ...(outcome ? [draftEvent('call.completed', { outcome, ...rest }, { time: at })] : []),
    ],
  });
}

/** One that another platform ran, and that was resolved. */
async function reportedCall(
  store: Store,
  { provider, at, talkedMs }: { provider: string; at: number; talkedMs: number },
) {
  const id = newId('call', at);
  const open = {
    id,
    direction: 'inbound' as const,
    from: null,
    to: '',
    agentId: '',
    room: '',
    metadata: {},
    time: at,
    reportedBy: { provider, callId: id },
  };
  const told = { stage: 'ended', direction: 'inbound', agentId: 'receptionist', final: true };
  const times = { createdAt: at, answeredAt: at, durationMs: talkedMs };
  const facts = [
    { id: newId('fct', at), kind: 'report' as const, time: at, data: { ...told, ...times } },
  ];
  await write(store, { callId: id, open, facts });
  const rest = { extraction: null, recording_url: null, recording_expires_at: null };
  const completed = draftEvent('call.completed', { outcome: 'RESOLVED', ...rest }, { time: at });
  await write(store, { callId: id, events: [completed] });
}

async function someCalls() {
  const api = await testApi();
  const { store } = api;
  await call(store, { at: DAY, outcome: 'NO_ANSWER' });
  await call(store, { at: DAY + HOUR_MS, outcome: 'RESOLVED', talkedMs: 30_400 });
  await call(store, { at: DAY + 25 * HOUR_MS, outcome: 'RESOLVED', talkedMs: 10_300 });
  const outbound = { direction: 'outbound', agentId: 'sales' } as const;
  await call(store, { ...outbound, at: DAY + 49 * HOUR_MS, outcome: 'BUSY' });
  await call(store, { at: DAY + 50 * HOUR_MS });
  await reportedCall(store, { provider: 'vapi', at: DAY + 80 * HOUR_MS, talkedMs: 5_000 });
  return async (query: string) => {
    const { status, body } = await api.request('GET', `/v1/analytics?${query}`);
    expect({ status, body }).toMatchObject({ status: 200 });
    return body;
  };
}

it('adds up the completed calls of a time', async () => {
  const analytics = await someCalls();
  expect(await analytics('from=2026-03-01&to=2026-03-04')).toEqual({
    from: '2026-03-01T00:00:00.000Z',
    to: '2026-03-04T00:00:00.000Z',
    total: {
      calls: 4,
      answered: 2,
      durationSeconds: 41,
      outcomes: { NO_ANSWER: 1, RESOLVED: 2, BUSY: 1 },
      totalCost: 0,
      callsWithoutCost: 2,
    },
    groups: [],
  });
  const part = await analytics('from=2026-03-01T00:00:00.001Z&to=2026-03-02T01:00:00Z');
  expect(part.total).toMatchObject({ calls: 1, outcomes: { RESOLVED: 1 } });
  expect((await analytics('')).total.calls).toBe(0);
});

it('groups them by day, the empty ones too, by agent and by provider', async () => {
  const analytics = await someCalls();
  const time = 'from=2026-03-01&to=2026-03-06';
  expect((await analytics(`${time}&by=day`)).groups).toMatchObject([
    { key: '2026-03-01', calls: 2, answered: 1, durationSeconds: 30 },
    { key: '2026-03-02', calls: 1 },
    { key: '2026-03-03', calls: 1, outcomes: { BUSY: 1 } },
    { key: '2026-03-04', calls: 1 },
    { key: '2026-03-05', calls: 0, outcomes: {} },
  ]);
  expect((await analytics(`${time}&by=agent`)).groups).toMatchObject([
    { key: 'receptionist', calls: 4, outcomes: { NO_ANSWER: 1, RESOLVED: 3 } },
    { key: 'sales', calls: 1 },
  ]);
  expect((await analytics(`${time}&by=provider`)).groups).toMatchObject([
    { key: 'callwire', calls: 4 },
    { key: 'vapi', calls: 1, answered: 1, durationSeconds: 5 },
  ]);
  const inbound = await analytics(`${time}&by=agent&direction=inbound`);
  expect(inbound.groups).toMatchObject([{ key: 'receptionist', calls: 4 }]);
  expect((await analytics(`${time}&direction=outbound`)).total).toMatchObject({ calls: 1 });
});

it.each([
  'from=yesterday',
  'from=2026-03-02&to=2026-03-01',
  'from=2026-03-01&to=2026-03-01',
  'from=2024-01-01&to=2026-01-01',
  'by=week',
  'direction=both',
])('%s is refused', async (query) => {
  const api = await testApi();
  const answer = await api.request('GET', `/v1/analytics?${query}`);
  expect(answer).toMatchObject({ status: 400, body: { error: { code: 'invalid_request' } } });
});
