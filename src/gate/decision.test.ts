import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { API_ERRORS, type ApiErrorCode } from '../api/api_error.ts';
import { type CallFacts, decide, type GateRules, type Reason, type RuleName } from './decision.ts';
import { refusalOf } from './refusal.ts';
import { AT, callFacts, type FactChanges, RULES } from './testing/calls.ts';

/** In the order in which they are answered: what makes each rule fail, and what the API says then. */
const FAILURES: [RuleName, ApiErrorCode, FactChanges, Partial<GateRules>][] = [
  ['kill_switch', 'public_api_disabled', {}, { dialling: false }],
  ['number', 'invalid_number', { to: '+19002345678' }, { callingHours: null }],
  ['suppression', 'suppressed', { suppressed: true }, {}],
  ['consent', 'consent_required', { consent: { known: null, recorded: false } }, {}],
  ['spend_cap', 'insufficient_balance', { spentMicrousd: 50_000_000 }, {}],
  ['calls_by_key', 'cap_reached', { callsByKey: 200 }, {}],
  ['calls_to_number', 'cap_reached', { callsToNumber: 3 }, {}],
  ['calling_hours', 'outside_calling_hours', { callAt: AT - 4 * 3_600_000 }, {}],
];
const ORDER = FAILURES.map(([rule]) => rule);

function reasonOf<R extends RuleName>(rule: R, facts: CallFacts, rules: GateRules) {
  return decide(facts, rules).reasons.find((reason) => reason.rule === rule) as Extract<
    Reason,
    { rule: R }
  >;
}

test('a call that no rule is against is allowed, and every rule says so', () => {
  const decision = decide(callFacts(), RULES);
  expect(decision).toMatchObject({ allowed: true, at: '2026-11-24T15:00:00.000Z' });
  expect(decision.reasons.map(({ rule }) => rule)).toEqual(ORDER);
  expect(decision.reasons.every(({ allowed }) => allowed)).toBe(true);
  expect(refusalOf(decision)).toBeNull();
});

it.each(FAILURES)('%s alone refuses the call with %s', (rule, code, facts, rules) => {
  const decision = decide(callFacts(facts), { ...RULES, ...rules });
  expect(decision.allowed).toBe(false);
  const failing = decision.reasons.filter(({ allowed }) => !allowed);
  expect(failing.map((reason) => reason.rule)).toEqual([rule]);
  expect(refusalOf(decision)).toMatchObject({ code, details: { reasons: decision.reasons } });
});

test('the codes are answered as the API’s contract has it', () => {
  const statuses = FAILURES.map(([, code]) => API_ERRORS[code].status);
  expect(statuses).toEqual([403, 422, 422, 422, 402, 422, 422, 422]);
});

test('of several failing rules the first is answered, and all are listed', () => {
  const some = fc.subarray(FAILURES, { minLength: 1 });
  fc.assert(
    fc.property(some, (failures) => {
      const facts = callFacts(Object.assign({}, ...failures.map(([, , given]) => given)));
      const rules = Object.assign({ ...RULES }, ...failures.map(([, , , given]) => given));
      // What is no number has no hours either.
      rules.callingHours = RULES.callingHours;
      const decision = decide(facts, rules);
      expect(decision.allowed).toBe(false);
      expect(decision.reasons.map(({ rule }) => rule)).toEqual(ORDER);
      const failing = decision.reasons.filter(({ allowed }) => !allowed).map(({ rule }) => rule);
      expect(failing).toEqual(expect.arrayContaining(failures.map(([rule]) => rule)));
      expect(refusalOf(decision)?.code).toBe(failures[0]?.[1]);
    }),
  );
});

test('no reason and no refusal tells who is called', () => {
  for (const [, , facts, rules] of FAILURES) {
    const given = callFacts(facts);
    const decision = decide(given, { ...RULES, ...rules });
    const told = JSON.stringify([decision, refusalOf(decision)]);
    expect(told).not.toContain(given.to.slice(1, 8));
  }
});

describe('consent', () => {
  it.each([
    [true, false, true],
    [true, true, true],
    [null, true, true], // a record of it is as good as saying so
    [null, false, false],
    [false, false, false],
    [false, true, false], // the client says that it knows of none
  ])('known: %s, recorded: %s: %s', (known, recorded, allowed) => {
    const facts = callFacts({ consent: { known, recorded } });
    expect(reasonOf('consent', facts, RULES)).toEqual({
      rule: 'consent',
      allowed,
      required: true,
      known,
      recorded,
    });
    expect(reasonOf('consent', facts, { ...RULES, consentRequired: false }).allowed).toBe(true);
  });
});

describe('caps', () => {
  it('allow the last call, and not the one behind it', () => {
    expect(decide(callFacts({ callsToNumber: 2 }), RULES).allowed).toBe(true);
    expect(decide(callFacts({ callsByKey: 199 }), RULES).allowed).toBe(true);
    expect(decide(callFacts({ spentMicrousd: 49_990_000 }), RULES).allowed).toBe(true);
  });

  it('of nothing allow nothing', () => {
    for (const cap of ['dailyCalls', 'callsPerNumberPerDay', 'spendCapUsdPerDay']) {
      expect(decide(callFacts(), { ...RULES, [cap]: 0 }).allowed).toBe(false);
    }
  });

  it('are not judged where there are none', () => {
    const facts = callFacts({ spentMicrousd: 1e12 });
    expect(decide(facts, { ...RULES, spendCapUsdPerDay: null }).allowed).toBe(true);
    const later = decide(callFacts({ callsByKey: null }), RULES);
    expect(later.reasons.map(({ rule }) => rule)).not.toContain('calls_by_key');
  });
});

describe('calling hours', () => {
  it('are judged for when the phone rings, whatever the time is now', () => {
    const night = AT - 4 * 3_600_000;
    expect(decide(callFacts({ now: night, callAt: AT }), RULES).allowed).toBe(true);
    const refused = decide(callFacts({ now: AT, callAt: night + 86_400_000 }), RULES);
    expect(refusalOf(refused)).toMatchObject({
      code: 'outside_calling_hours',
      details: { nextAllowedAt: '2026-11-25T13:00:00.000Z' },
    });
    expect(refused.reasons.at(-1)).toEqual({
      rule: 'calling_hours',
      allowed: false,
      window: '08:00-21:00',
      judgedFor: '2026-11-25T11:00:00.000Z',
      place: 'region',
      zones: 1,
      refusedIn: { zone: 'America/New_York', localTime: '06:00' },
      nextAllowedAt: '2026-11-25T13:00:00.000Z',
    });
  });

  it('say so where they never come', () => {
    const facts = callFacts({ to: '+80012345678' });
    expect(refusalOf(decide(facts, RULES))).toMatchObject({
      code: 'outside_calling_hours',
      message: expect.stringContaining('no time'),
      details: { nextAllowedAt: null },
    });
    expect(decide(facts, { ...RULES, callingHours: null }).allowed).toBe(true);
  });
});
