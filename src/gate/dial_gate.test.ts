import { describe, expect, it } from 'vitest';
import { type AcceptanceFacts, type DiallingFacts, GUARD_CODES } from '../store/outbound_store.ts';
import type { CallRecord } from '../store/store.ts';
import type { GateRules } from './decision.ts';
import { DialGate } from './dial_gate.ts';
import { refusalOfGuard } from './refusal.ts';
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

async function accepted({ subject }: ReturnType<typeof gate>, scheduledFor: number | null = null) {
  const consent = { known: true, recorded: false };
  return await subject.atAcceptance({ to: NUMBER, apiKeyId: 'key_1', consent, scheduledFor });
}

/** A call as it was accepted, as far as the gate reads it. */
async function waitingCall(): Promise<CallRecord> {
  const { decision } = await accepted(gate());
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
  it('judges by what the store knows of the last 24 hours, and guards by the same', async () => {
    const given = gate({ facts: { callsToNumber: 2, spentMicrousd: 1_500_000 } });
    const { decision, guard } = await accepted(given);
    expect(given.asked).toEqual([{ to: NUMBER, apiKeyId: 'key_1', since: AT - 86_400_000 }]);
    expect(decision.allowed).toBe(true);
    expect(decision.reasons).toContainEqual({
      rule: 'spend_cap',
      allowed: true,
      limitUsd: 50,
      spentUsd: 1.5,
    });
    expect(guard).toEqual({
      since: AT - 86_400_000,
      callsToNumber: 3,
      callsByKey: 200,
      spentMicrousd: 50_000_000,
    });
  });

  it('takes the number as it was written', async () => {
    const { subject, asked } = gate();
    const request = {
      apiKeyId: 'key_1',
      consent: { known: true, recorded: false },
      scheduledFor: null,
    };
    const { to, decision } = await subject.atAcceptance({ ...request, to: ' +1 (212) 555-0100 ' });
    expect([to, asked[0]?.to, decision.allowed]).toEqual([NUMBER, NUMBER, true]);
    const odd = await subject.atAcceptance({ ...request, to: '911' });
    expect(odd.decision.reasons).toContainEqual({
      rule: 'number',
      allowed: false,
      reason: 'emergency',
    });
  });

  it('judges the hours for the scheduled time, and for now where that has passed', async () => {
    expect((await accepted(gate({ now: NIGHT }))).decision.allowed).toBe(false);
    expect((await accepted(gate({ now: NIGHT }), AT)).decision.allowed).toBe(true);
    expect((await accepted(gate({ now: NIGHT }), NIGHT - 10 * 3_600_000)).decision.allowed).toBe(
      false,
    );
  });

  it('does not count calls that wait to be dialled as dialled', async () => {
    const { decision } = await accepted(gate({ facts: { callsToNumber: 3, dialledToNumber: 0 } }));
    expect(decision.allowed).toBe(false);
  });
});

describe('at dialling', () => {
  it('lets a call pass that nothing is against', async () => {
    const { subject } = gate({ facts: { callsToNumber: 9, dialledToNumber: 2, callsByKey: 999 } });
    const verdict = await subject.atDialling(await waitingCall());
    expect(verdict).toMatchObject({ verdict: 'dial', record: { allowed: true } });
  });

  it('lets a call wait that only the hours are against', async () => {
    const { subject } = gate({ now: NIGHT });
    expect(await subject.atDialling(await waitingCall())).toMatchObject({
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
      expect(await subject.atDialling(await waitingCall())).toMatchObject({
        verdict: 'block',
        record: { allowed: false },
      });
    }
  });

  it('blocks a call whose hours never come', async () => {
    const call = { ...(await waitingCall()), to: '+80012345678' };
    expect(await gate().subject.atDialling(call)).toMatchObject({ verdict: 'block' });
  });

  it('remembers what was said of consent, and asks for it where nothing was', async () => {
    const call = await waitingCall();
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

it('a call that loses a race is refused with the code that it would have had', () => {
  expect(Object.fromEntries(GUARD_CODES.map((code) => [code, refusalOfGuard(code)?.code]))).toEqual(
    {
      CALL_SUPPRESSED: 'suppressed',
      CALLS_TO_NUMBER: 'cap_reached',
      CALLS_BY_KEY: 'cap_reached',
      SPEND_CAP: 'insufficient_balance',
      IDEMPOTENCY_KEY_KNOWN: undefined,
    },
  );
});
