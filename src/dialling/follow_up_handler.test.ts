import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FOLLOWED_OUTCOMES, type FollowUpRule } from '../config/follow_up_rules.ts';
import { draftEvent, type EndReason, OUTCOMES, type Outcome } from '../events/catalogue.ts';
import { createEventComposer } from '../events/composer.ts';
import type { GateRules } from '../gate/decision.ts';
import { DialGate } from '../gate/dial_gate.ts';
import { AT, RULES } from '../gate/testing/calls.ts';
import { newId } from '../ids.ts';
import { openSqliteStore } from '../store/sqlite_store.ts';
import type { Append, AppendResult, CallRecord, ClaimedJob, Store } from '../store/store.ts';
import { type AcceptCall, createCallAcceptance } from './call_acceptance.ts';
import { FollowUpHandler } from './follow_up_handler.ts';

/* The calls that follow a completed one, on the store and behind the gate. */

const HOUR_MS = 3_600_000;
/** Made up; in New York, where it is ten in the morning at `AT`. */
const PHONE = '+12125550100';

let now: number;
let dataDir: string;
let store: Store;
let gateRules: GateRules;
let followUps: FollowUpRule[];

beforeEach(async () => {
  now = AT;
  dataDir = mkdtempSync(join(tmpdir(), 'callwire-follow-up-'));
  gateRules = { ...RULES };
  followUps = [{ on: 'NO_ANSWER', afterMs: 2 * HOUR_MS, times: 3 }];
  store = await openSqliteStore({
    dataDir,
    composer: createEventComposer({ followedAgents: ['sales'] }),
    defaultEndpoint: null,
    clock: () => now,
  });
});
afterEach(async () => {
  await store.close();
  rmSync(dataDir, { recursive: true, force: true });
});

const commit = async (append: Append): Promise<AppendResult> =>
  (await store.append([append]))[0] as AppendResult;

function acceptance(): AcceptCall {
  const gate = new DialGate({ store, rules: gateRules, clock: () => now });
  return createCallAcceptance({ store, gate, commit, clock: () => now });
}

async function placed(more: { agentId?: string; to?: string } = {}): Promise<CallRecord> {
  const accepted = await acceptance()({
    agentId: 'sales',
    to: PHONE,
    from: '+12125550111',
    variables: { case: '4711' },
    metadata: { lead: 7 },
    consent: { known: true, recordId: 'consent-7' },
    scheduledFor: null,
    apiKeyId: 'key_1',
    idempotency: null,
    followsCallId: null,
    ...more,
  });
  if (accepted.status !== 'accepted') throw new Error(`not accepted: ${JSON.stringify(accepted)}`);
  return accepted.call;
}

async function completed(id: string, outcome: Outcome, reason: EndReason = 'no_answer') {
  const events = [
    draftEvent('call.ended', { end_reason: reason }, { time: now }),
    draftEvent(
      'call.completed',
      { outcome, extraction: null, recording_url: null, recording_expires_at: null },
      { time: now },
    ),
  ];
  expect(await store.append([{ callId: id, events }])).toEqual([{ status: 'appended' }]);
}

const jobs = async (): Promise<ClaimedJob[]> => {
  const claimed = await store.claimJobs({ limit: 100, perTarget: 100, leaseMs: 60_000 });
  return claimed.filter(({ kind }) => kind === 'follow_up');
};

function handler(accept = acceptance(), callerNumber: string | null = '+12125550111') {
  return new FollowUpHandler({
    store,
    accept,
    callerNumber,
    followUpsOf: (agentId) => (agentId === 'sales' ? followUps : []),
    log: pino({ level: 'silent' }),
    clock: () => now,
  });
}

/** Tries the one job that is due. */
async function followUp(accept?: AcceptCall) {
  const [job, ...others] = await jobs();
  expect(others).toEqual([]);
  if (!job) throw new Error('nothing is to be followed up');
  const { verdict } = await handler(accept).attempt(job, new AbortController().signal);
  return { job, verdict };
}

const callsAfter = async (id: string): Promise<CallRecord[]> =>
  (await store.listCalls({ limit: 100 })).filter(({ outbound }) => outbound?.followsCallId === id);

/** The one call that follows it. */
async function followed(id: string): Promise<CallRecord> {
  const [next, ...others] = await callsAfter(id);
  expect(others).toEqual([]);
  if (!next) throw new Error('nothing follows');
  return next;
}

it('is the first call once more, at its time', async () => {
  const first = await placed();
  now += 30_000;
  await completed(first.id, 'NO_ANSWER');
  now += 5_000;
  expect((await followUp()).verdict).toEqual({ kind: 'success' });
  const next = await followed(first.id);
  expect(next).toMatchObject({
    state: 'scheduled',
    to: PHONE,
    from: '+12125550111',
    agentId: 'sales',
    metadata: { lead: 7 },
    apiKeyId: 'key_1',
    outbound: {
      variables: { case: '4711' },
      scheduledFor: AT + 30_000 + 2 * HOUR_MS,
      consentRecordId: 'consent-7',
      gate: { acceptance: { allowed: true } },
    },
  });
  const [initiated] = await store.listCallEvents(next.id);
  expect(JSON.parse(initiated?.body ?? '')).toMatchObject({
    event: 'call.initiated',
    data: { follows_call_id: first.id, scheduled_for: '2026-11-24T17:00:30.000Z' },
  });
});

it('is one, however often its job is tried, and whatever was written before a crash', async () => {
  const first = await placed();
  await completed(first.id, 'NO_ANSWER');
  const [job] = await jobs();
  const accept = acceptance();
  const dies: AcceptCall = async (request) => {
    await accept(request);
    throw new Error('the worker dies here');
  };
  const { signal } = new AbortController();
  expect((await handler(dies).attempt(job!, signal)).verdict).toEqual({ kind: 'retry' });
  now += 36 * HOUR_MS;
  expect((await handler().attempt(job!, signal)).verdict).toEqual({ kind: 'success' });
  const next = await followed(first.id);
  expect(await store.listCallEvents(next.id)).toHaveLength(1);
});

it('is one also where two ask for it at the same moment', async () => {
  const first = await placed();
  await completed(first.id, 'NO_ANSWER');
  const [job] = await jobs();
  const { signal } = new AbortController();
  await Promise.all([1, 2, 3].map(() => handler().attempt(job!, signal)));
  const next = await followed(first.id);
  expect(await store.listCallEvents(next.id)).toHaveLength(1);
});

it('comes as often as the profile says, and then no more', async () => {
  gateRules.callsPerNumberPerDay = 100;
  let { id } = await placed();
  for (let times = 1; times <= 3; times++) {
    await completed(id, 'NO_ANSWER');
    await followUp();
    id = (await followed(id)).id;
    now += 2 * HOUR_MS;
  }
  await completed(id, 'NO_ANSWER');
  await followUp();
  expect(await callsAfter(id)).toEqual([]);
  expect(await store.listCalls({ limit: 100 })).toHaveLength(4);
});

it('counts the whole chain, whatever its outcomes were', async () => {
  followUps = [
    { on: 'NO_ANSWER', afterMs: HOUR_MS, times: 1 },
    { on: 'BUSY', afterMs: 1_000, times: 2 },
  ];
  const first = await placed();
  await completed(first.id, 'NO_ANSWER');
  await followUp();
  const second = await followed(first.id);
  now += HOUR_MS;
  await completed(second.id, 'BUSY', 'busy');
  await followUp();
  const third = await followed(second.id);
  expect(third.outbound?.scheduledFor).toBe(now + 1_000);
  await completed(third.id, 'NO_ANSWER');
  await followUp();
  expect(await callsAfter(third.id)).toEqual([]);
});

it('waits for the hours of the callee', async () => {
  followUps = [{ on: 'NO_ANSWER', afterMs: 12 * HOUR_MS, times: 1 }];
  const first = await placed();
  await completed(first.id, 'NO_ANSWER');
  await followUp();
  // Ten in the evening in New York; eight in the morning there.
  const { outbound } = await followed(first.id);
  expect(outbound?.scheduledFor).toBe(Date.parse('2026-11-25T13:00:00Z'));
});

it('is asked for again where only a cap is against it', async () => {
  gateRules.callsPerNumberPerDay = 1;
  const first = await placed();
  await completed(first.id, 'NO_ANSWER');
  const { job, verdict } = await followUp();
  expect(verdict).toEqual({ kind: 'hold', untilMs: now + HOUR_MS });
  now += 25 * HOUR_MS;
  const { signal } = new AbortController();
  expect((await handler().attempt(job, signal)).verdict).toEqual({ kind: 'success' });
  expect((await followed(first.id)).state).toBe('queued');
});

it('is not asked for for ever', async () => {
  gateRules.spendCapUsdPerDay = 0;
  followUps = [{ on: 'NO_ANSWER', afterMs: HOUR_MS, times: 1 }];
  gateRules.spendCapUsdPerDay = 50;
  const first = await placed();
  await completed(first.id, 'NO_ANSWER');
  gateRules.spendCapUsdPerDay = 0;
  const { job, verdict } = await followUp();
  expect(verdict).toMatchObject({ kind: 'hold' });
  now += 50 * HOUR_MS;
  const { signal } = new AbortController();
  expect((await handler().attempt(job, signal)).verdict).toEqual({ kind: 'success' });
  expect(await callsAfter(first.id)).toEqual([]);
});

it('is none where the number was suppressed meanwhile', async () => {
  const first = await placed();
  const suppression = { id: newId('sup'), phone: PHONE, source: 'api', reason: null } as const;
  await store.importSuppressions([{ ...suppression, callId: null, createdAt: now }]);
  await completed(first.id, 'NO_ANSWER');
  expect((await followUp()).verdict).toEqual({ kind: 'success' });
  expect(await callsAfter(first.id)).toEqual([]);
});

it('is none of a call that was cancelled', async () => {
  followUps = [{ on: 'UNKNOWN', afterMs: HOUR_MS, times: 1 }];
  const first = await placed();
  await completed(first.id, 'UNKNOWN', 'ended_by_api');
  await followUp();
  expect(await callsAfter(first.id)).toEqual([]);
});

it('is none of other outcomes, other agents, and of what is deleted', async () => {
  const other = await placed();
  await completed(other.id, 'BUSY', 'busy');
  await followUp();
  expect(await callsAfter(other.id)).toEqual([]);

  const support = await placed({ agentId: 'support', to: '+12125550102' });
  await completed(support.id, 'NO_ANSWER');
  expect(await jobs()).toEqual([]);

  const deleted = await placed({ to: '+12125550103' });
  await completed(deleted.id, 'NO_ANSWER');
  const [job] = await jobs();
  await store.redactCall(deleted.id);
  await handler().attempt(job!, new AbortController().signal);
  expect(await callsAfter(deleted.id)).toEqual([]);
});

it('is none without a trunk', async () => {
  const first = await placed();
  await completed(first.id, 'NO_ANSWER');
  const [job] = await jobs();
  const noTrunk = handler(acceptance(), null);
  const { verdict } = await noTrunk.attempt(job!, new AbortController().signal);
  expect(verdict).toEqual({ kind: 'success' });
  expect(await callsAfter(first.id)).toEqual([]);
});

it('of a call that came in there is none', async () => {
  const id = newId('call', now);
  const open = { id, direction: 'inbound', from: PHONE, to: '+12125550111' } as const;
  await commit({
    callId: id,
    open: { ...open, agentId: 'sales', room: 'room', metadata: {}, time: now },
  });
  await completed(id, 'NO_ANSWER', 'caller_hung_up');
  await followUp();
  expect(await callsAfter(id)).toEqual([]);
});

it('knows outcomes that there are', () => {
  expect(OUTCOMES).toEqual(expect.arrayContaining([...FOLLOWED_OUTCOMES]));
});
