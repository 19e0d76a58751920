import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type CallRule, callRulesFrom } from '../config/call_rules.ts';
import { DEFAULT_EXTRACTION } from '../config/extraction_fields.ts';
import { FOLLOWED_OUTCOMES, type FollowUpRule, OUTCOME_WORDS } from '../config/follow_up_rules.ts';
import { draftEvent, type EndReason, OUTCOMES, type Outcome } from '../events/catalogue.ts';
import { eventComposer } from '../events/composer.ts';
import type { GateRules } from '../gate/decision.ts';
import { DialGate } from '../gate/dial_gate.ts';
import { AT, RULES } from '../gate/testing/calls.ts';
import { newId } from '../ids.ts';
import { openSqliteStore } from '../store/sqlite_store.ts';
import type { Append, AppendResult, CallRecord, ClaimedJob, Store } from '../store/store.ts';
import { type AcceptCall, createCallAcceptance } from './call_acceptance.ts';
import { FollowUpHandler } from './follow_up_handler.ts';
import { unlessReachedSince } from './reached_since.ts';

/* The calls that follow a completed one, on the store and behind the gate. */

const HOUR_MS = 3_600_000;
/** Made up; in New York, where it is ten in the morning at `AT`. */
const PHONE = '+12125550100';

let now: number;
let dataDir: string;
let store: Store;
let gateRules: GateRules;
let followUps: FollowUpRule[];
let rules: CallRule[];
/** What the profile of the other agent says. */
let vip: { followUps: FollowUpRule[]; rules: CallRule[] } | undefined;

beforeEach(async () => {
  now = AT;
  dataDir = mkdtempSync(join(tmpdir(), 'callwire-follow-up-'));
  gateRules = { ...RULES };
  followUps = [{ on: 'NO_ANSWER', afterMs: 2 * HOUR_MS, times: 3 }];
  rules = [];
  vip = undefined;
  store = await openSqliteStore({
    dataDir,
    composer: eventComposer,
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

async function completed(
  id: string,
  outcome: Outcome,
  reason: EndReason = 'no_answer',
  extraction: Record<string, unknown> | null = null,
) {
  const events = [
    draftEvent('call.ended', { end_reason: reason }, { time: now }),
    draftEvent(
      'call.completed',
      { outcome, extraction, recording_url: null, recording_expires_at: null },
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
    profileOf: (agentId) => (agentId === 'sales' ? { followUps, rules } : vip),
    log: pino({ level: 'silent' }),
    clock: () => now,
  });
}

/** Tries the one job that is due, and settles it where that was its end. */
async function followUp() {
  const [job, ...others] = await jobs();
  expect(others).toEqual([]);
  if (!job) throw new Error('nothing is to be followed up');
  const { verdict, attempt } = await handler().attempt(job, new AbortController().signal);
  if (verdict.kind === 'success') {
    const { id: jobId, claimId } = job;
    await store.settleJobs([{ jobId, claimId, attempt, next: { state: 'done' } }]);
  }
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

/** Somebody calls in from the number, and is answered. */
async function calledIn(from: string): Promise<void> {
  const id = newId('call', now);
  const open = {
    id,
    direction: 'inbound' as const,
    from,
    to: '+12125550111',
    agentId: 'desk',
    room: 'room-7',
    metadata: {},
    time: now,
  };
  const answered = draftEvent('call.answered', { ring_ms: 1, context: 'none' }, { time: now });
  expect(await commit({ callId: id, open, events: [answered] })).toEqual({ status: 'appended' });
}

const atDialling = (call: CallRecord) =>
  unlessReachedSince(new DialGate({ store, rules: gateRules, clock: () => now }), store).atDialling(
    call,
  );

// Who had not picked up called back, was helped, and two hours later was called once more about it.
//   0:00  no answer    0:30  the person calls in    2:00  the follow-up is due
it('is not dialled once the person has been spoken with, and leads to nothing more', async () => {
  followUps.push({ on: 'FAILED', afterMs: HOUR_MS, times: 3 });
  const first = await placed();
  await completed(first.id, 'NO_ANSWER');
  await followUp();
  const next = await followed(first.id);
  now += HOUR_MS / 2;
  expect(await atDialling(next)).toMatchObject({ verdict: 'dial' });
  await calledIn('+12125550199');
  expect((await atDialling(next)).record.reasons.at(-1)).toEqual({
    rule: 'reached_since',
    allowed: true,
  });
  await calledIn(PHONE);
  now += 1.5 * HOUR_MS;
  const { verdict, record } = await atDialling(next);
  expect({ verdict, allowed: record.allowed }).toEqual({ verdict: 'block', allowed: false });
  expect(record.reasons.filter(({ allowed }) => !allowed)).toEqual([
    { rule: 'reached_since', allowed: false },
  ]);
  await store.recordGate(next.id, { ...next.outbound?.gate, dialling: record });
  await completed(next.id, 'FAILED', 'blocked');
  await followUp();
  expect(await callsAfter(next.id)).toEqual([]);
});

it('does not hold up calls that follow nobody, or that a rule has made', async () => {
  const call = await placed();
  await calledIn(PHONE);
  const made = { ...call.outbound!, followsCallId: call.id, madeByRule: true };
  for (const outbound of [call.outbound, made]) {
    expect(await atDialling({ ...call, outbound })).toMatchObject({ verdict: 'dial' });
  }
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
  followUps = [{ on: 'NO_ANSWER', afterMs: HOUR_MS, times: 1 }];
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
  await followUp();
  expect(await callsAfter(support.id)).toEqual([]);

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

/** Of a profile without an extraction of its own. */
function written(...conditions: [when: string, callWith: string, knownConsent?: boolean][]) {
  return callRulesFrom(
    conditions.map(([when, call_with, known_consent]) => ({
      on: 'call.completed' as const,
      when,
      call_with,
      ...(known_consent !== undefined && { known_consent }),
    })),
    DEFAULT_EXTRACTION,
  );
}

async function callsIn(contact: Record<string, unknown> | null): Promise<string> {
  const id = newId('call', now);
  const open = { id, direction: 'inbound', from: PHONE, to: '+12125550111' } as const;
  const data = { state: contact === null ? 'none' : 'ready', ms: 12, contact };
  await commit({
    callId: id,
    open: { ...open, agentId: 'sales', room: 'room', metadata: { lead: 8 }, time: now },
    facts: [{ id: newId('fct'), kind: 'context', time: now, data }],
    events: [draftEvent('call.answered', { ring_ms: 1, context: 'ready' }, { time: now })],
  });
  return id;
}

it('a rule has another agent call, by what the CRM knows and what was said', async () => {
  const when = 'contact.AnnualRevenue > 100000 and extraction.interested and call.answered';
  rules = written([when, 'vip', true], ['outcome == "DNC"', 'other', true]);
  const contact = { id: 'c1', name: 'Ada', phone: PHONE, AnnualRevenue: '250000' };
  const id = await callsIn(contact);
  await completed(id, 'INTERESTED', 'caller_hung_up', { interested: true });
  await followUp();
  expect(await followed(id)).toMatchObject({
    agentId: 'vip',
    to: PHONE,
    from: '+12125550111',
    state: 'queued',
    metadata: { lead: 8 },
    outbound: { madeByRule: true },
  });

  const poor = await callsIn({ ...contact, AnnualRevenue: 100 });
  await completed(poor, 'INTERESTED', 'caller_hung_up', { interested: true });
  await followUp();
  expect(await callsAfter(poor)).toEqual([]);
});

it('a rule that is tried again makes its call once, and so do two that say the same', async () => {
  const [one] = written(['true', 'vip', true]);
  rules = [one!, one!, ...written(['contact.id == null', 'support', true])];
  const id = await callsIn(null);
  await completed(id, 'RESOLVED', 'caller_hung_up');
  const { job } = await followUp();
  // Somebody edits the profile meanwhile: what a rule says is what it is known by.
  rules.reverse();
  await handler().attempt(job, new AbortController().signal);
  const agents = (await callsAfter(id)).map(({ agentId }) => agentId);
  expect(agents.sort()).toEqual(['support', 'vip']);
});

it('nobody who called us is called by a rule without a word on consent', async () => {
  rules = written(['true', 'vip']);
  const id = await callsIn(null);
  await completed(id, 'RESOLVED', 'caller_hung_up');
  expect((await followUp()).verdict).toEqual({ kind: 'success' });
  expect(await callsAfter(id)).toEqual([]);
});

it('rules that call each other come to an end', async () => {
  gateRules.callsPerNumberPerDay = 100;
  rules = written(['true', 'vip'], ['true', 'sales']);
  vip = { followUps: [], rules: written(['true', 'sales'], ['true', 'vip']) };
  const first = await placed();
  const open = [first.id];
  const made: string[] = [];
  for (let id = open.shift(); id !== undefined; id = open.shift()) {
    await completed(id, 'RESOLVED', 'caller_hung_up');
    await followUp();
    const next = await callsAfter(id);
    made.push(...next.map(({ agentId }) => agentId));
    open.push(...next.map((call) => call.id));
    now += 1_000;
  }
  // sales → vip → sales, sales → sales → vip: each agent once in a chain.
  expect(made.sort()).toEqual(['sales', 'sales', 'vip', 'vip']);
});

it('a call that a rule made is followed up by its own profile, counted anew', async () => {
  gateRules.callsPerNumberPerDay = 100;
  rules = written(['outcome == "NO_ANSWER"', 'vip']);
  followUps = [];
  vip = { followUps: [{ on: 'NO_ANSWER', afterMs: 1_000, times: 1 }], rules };
  const first = await placed();
  await completed(first.id, 'NO_ANSWER');
  await followUp();
  const byRule = await followed(first.id);
  await completed(byRule.id, 'NO_ANSWER');
  await followUp();
  const again = await followed(byRule.id);
  expect(again).toMatchObject({ agentId: 'vip', outbound: { madeByRule: false } });
  await completed(again.id, 'NO_ANSWER');
  await followUp();
  expect(await callsAfter(again.id)).toEqual([]);
});

it('knows outcomes that there are', () => {
  expect(OUTCOMES).toEqual(expect.arrayContaining([...FOLLOWED_OUTCOMES]));
  expect([...OUTCOME_WORDS].sort()).toEqual([...OUTCOMES].sort());
});
