import { describe, expect, it } from 'vitest';
import type { AcceptanceFacts } from '../store/counted_rules.ts';
import type { DiallingFacts } from '../store/outbound_store.ts';
import type { CallRecord } from '../store/store.ts';
import type { GateRules } from './decision.ts';
import { DialGate } from './dial_gate.ts';
import { AT, RULES } from './testing/calls.ts';

const NIGHT = AT - 4 * 3_600_000;
const NUMBER = '+12125550100';

type Query = { to: string; apiKeyId: string | null; since: number };

function gate({
  facts = {},
  rules = {},
  now = AT,
}: {
  facts?: Partial<AcceptanceFacts & DiallingFacts>;
  rules?: Partial<GateRules>;
  now?: number;
} = {}) {
  const asked: Query[] = [];
  const known: AcceptanceFacts & DiallingFacts = {
    suppressed: false,
    callsToNumber: 0,
    dialledToNumber: 0,
    callsByKey: 0,
    keyRevoked: false,
    spentMicrousd: 0,
    ...facts,
  };
  const answer = (query: Query) => {
    asked.push(query);
    return Promise.resolve(known);
  };
  const store = { acceptanceFacts: answer, diallingFacts: answer };
  const subject = new DialGate({ store, rules: { ...RULES, ...rules }, clock: () => now });
  return { subject, asked };
}

function accepted({ subject }: ReturnType<typeof gate>, scheduledFor: number | null = null) {
  const consent = { known: true, recorded: false };
  return subject.atAcceptance({ to: NUMBER, apiKeyId: 'key_1', consent, scheduledFor });
}

/** A call as it was accepted, as far as the gate reads it. */
function waitingCall(): CallRecord {
  const { decision } = accepted(gate());
  const outbound = {
    variables: {},
    scheduledFor: null,
    gate: JSON.parse(JSON.stringify({ acceptance: decision })),
    consentRecordId: null,
    followsCallId: null,
  };
  return { to: NUMBER, apiKeyId: 'key_1', outbound } as unknown as CallRecord;
}

describe('at acceptance', () => {
  it('says what it can without the store, and by what the store counts in the last 24 hours', async () => {
    const { subject, asked } = gate({ facts: { callsToNumber: 2, spentMicrousd: 1_500_000 } });
    const first = accepted({ subject, asked });
    expect(asked).toEqual([]);
    expect(first).toMatchObject({
      apiKeyId: 'key_1',
      decision: { allowed: true },
      limits: { callsToNumber: 3, callsByKey: 200, spentUsd: 50 },
      since: AT - 86_400_000,
    });
    expect(first.decision.reasons).toContainEqual({
      rule: 'spend_cap',
      allowed: true,
      limitUsd: 50,
      spentUsd: 0,
    });
    const { allowed, reasons } = await subject.refusing(first);
    expect(asked).toEqual([{ to: NUMBER, apiKeyId: 'key_1', since: AT - 86_400_000 }]);
    expect(allowed).toBe(true);
    expect(reasons.map(({ rule }) => rule)).toEqual(first.decision.reasons.map(({ rule }) => rule));
    expect(reasons).toContainEqual({
      rule: 'spend_cap',
      allowed: true,
      limitUsd: 50,
      spentUsd: 1.5,
    });
  });

  it('takes the number as it was written', () => {
    const { subject } = gate();
    const request = {
      apiKeyId: 'key_1',
      consent: { known: true, recorded: false },
      scheduledFor: null,
    };
    const { to, decision } = subject.atAcceptance({ ...request, to: ' +1 (212) 555-0100 ' });
    expect([to, decision.allowed]).toEqual([NUMBER, true]);
    const odd = subject.atAcceptance({ ...request, to: '911' });
    expect(odd.decision.reasons).toContainEqual({
      rule: 'number',
      allowed: false,
      reason: 'emergency',
    });
  });

  it('judges the hours for the scheduled time, and for now where that has passed', () => {
    const allowed = (scheduledFor: number | null) =>
      accepted(gate({ now: NIGHT }), scheduledFor).decision.allowed;
    expect([allowed(null), allowed(AT), allowed(NIGHT - 10 * 3_600_000)]).toEqual([
      false,
      true,
      false,
    ]);
  });

  it('does not count calls that wait to be dialled as dialled', async () => {
    const { subject, asked } = gate({ facts: { callsToNumber: 3, dialledToNumber: 0 } });
    const decision = await subject.refusing(accepted({ subject, asked }));
    expect(decision.allowed).toBe(false);
  });
});

describe('at dialling', () => {
  it('lets a call pass that nothing is against', async () => {
    const { subject } = gate({ facts: { callsToNumber: 9, dialledToNumber: 2, callsByKey: 999 } });
    const verdict = await subject.atDialling(waitingCall());
    expect(verdict).toMatchObject({ verdict: 'dial', record: { allowed: true } });
  });

  it('lets a call wait that only the hours are against', async () => {
    const { subject } = gate({ now: NIGHT });
    expect(await subject.atDialling(waitingCall())).toMatchObject({
      verdict: 'wait',
      until: Date.parse('2026-11-24T13:00:00Z'),
      record: { allowed: false },
    });
  });

  it.each([
    ['the number was suppressed meanwhile', { facts: { suppressed: true } }],
    ['the number has been dialled as often as it may', { facts: { dialledToNumber: 3 } }],
    ['the key that asked for it was revoked meanwhile', { facts: { keyRevoked: true } }],
    ['the spend cap is reached', { facts: { spentMicrousd: 50_000_000 } }],
    ['dialling is switched off', { rules: { dialling: false } }],
  ])('blocks a call where %s, by day and by night', async (_, given) => {
    for (const now of [AT, NIGHT]) {
      const { subject } = gate({ ...given, now });
      expect(await subject.atDialling(waitingCall())).toMatchObject({
        verdict: 'block',
        record: { allowed: false },
      });
    }
  });

  it('blocks a call whose hours never come', async () => {
    const call = { ...waitingCall(), to: '+80012345678' };
    expect(await gate().subject.atDialling(call)).toMatchObject({ verdict: 'block' });
  });

  it('remembers what was said of consent, and asks for it where nothing was', async () => {
    const call = waitingCall();
    const without = { ...call, outbound: { ...call.outbound, gate: {} } } as CallRecord;
    expect(await gate().subject.atDialling(without)).toMatchObject({ verdict: 'block' });
    const recorded = {
      ...call,
      outbound: { ...call.outbound, gate: {}, consentRecordId: 'consent-7' },
    } as CallRecord;
    expect(await gate().subject.atDialling(recorded)).toMatchObject({ verdict: 'dial' });
    const off = gate({ rules: { consentRequired: false } });
    expect(await off.subject.atDialling(without)).toMatchObject({ verdict: 'dial' });
  });
});
