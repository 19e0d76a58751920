import fc from 'fast-check';
import { expect, it } from 'vitest';
import { holds } from './condition.ts';
import { type ConditionNames, parseCondition } from './condition_parser.ts';

const NAMES: ConditionNames = {
  contact: 'any',
  call: ['answered', 'durationSeconds'],
  extraction: ['plan'],
  outcome: 'none',
};

const KNOWN = {
  contact: {
    AnnualRevenue: 250_000,
    Employees: '42',
    'Annual Revenue': '1000.5',
    plan: 'gold',
    vip: true,
    active: 'TRUE',
    since: '2026-03-01T09:00:00Z',
    phone: '+15550100001',
    empty: '',
    nothing: null,
    address: { city: 'Bath' },
    tags: ['a'],
  },
  call: { answered: true, durationSeconds: 0 },
  extraction: { plan: null },
  outcome: 'CALLBACK',
};

function judged(text: string): boolean {
  const parsed = parseCondition(text, NAMES);
  if ('problem' in parsed) throw new Error(parsed.problem);
  return holds(parsed.condition, KNOWN);
}

function problemOf(text: string): string | null {
  const parsed = parseCondition(text, NAMES);
  return 'problem' in parsed ? parsed.problem : null;
}

it.each([
  'contact.AnnualRevenue > 100000',
  'contact.AnnualRevenue >= 250000 and contact.AnnualRevenue <= 250000',
  '100000 < contact.AnnualRevenue',
  'contact.Employees == 42',
  'contact.Employees > 9',
  'contact["Annual Revenue"] > 1000',
  'contact.plan == "gold"',
  "contact.plan != 'silver'",
  'contact.vip == true',
  'contact.active == true',
  'contact.vip',
  'contact.since >= "2026-02-28"',
  'contact.nothing == null',
  'contact.unheardOf == null',
  'contact.address.city == "Bath"',
  'contact.address.city.street == null',
  'contact.plan.length == null',
  'contact.__proto__ == null and contact.constructor == null and contact.toString == null',
  'extraction.plan == null',
  'outcome == "CALLBACK"',
  'not (outcome == "DNC") and not contact.empty',
  'not contact.nothing and not call.durationSeconds',
  'outcome == "DNC" or outcome == "CALLBACK"',
  'outcome == "CALLBACK" or outcome == "DNC" and contact.plan == "silver"',
  'contact.balance == null or contact.balance > -5',
  'true',
])('%s holds', (text) => {
  expect(judged(text)).toBe(true);
});

it.each([
  'contact.AnnualRevenue < 100000',
  'contact.nothing > 0',
  'contact.nothing < 1',
  'contact.unheardOf <= 0',
  'contact.plan > 5',
  'contact.vip > 0',
  'contact.phone == "15550100001"',
  'contact.address == "Bath"',
  'contact.address == contact.address',
  'contact.tags == "a"',
  'contact.plan == null',
  'contact.empty == null',
  'contact.empty == 0',
  '(outcome == "CALLBACK" or outcome == "DNC") and contact.plan == "silver"',
  'false',
])('%s does not hold', (text) => {
  expect(judged(text)).toBe(false);
});

it.each([
  ['contact.plan = "gold"', /^cannot be read: .* at character/],
  ['contact.plan == "gold', /^cannot be read: Unclosed quote/],
  ['(outcome == "DNC"', /^cannot be read/],
  ['outcome == "DNC" && true', /^cannot be read/],
  ['outcome == "DNC" true', /^is not one condition/],
  ['contact.plan.toUpperCase() == "GOLD"', /^calls something/],
  ['process.exit()', /^calls something/],
  ['contact[plan] == 1', /^has \[ \] around something else/],
  ['contact[0] == 1', /^has \[ \] around something else/],
  ['["a"] == 1', /^is not one condition/],
  ['this == 1', /^is not one condition/],
  ['not outcome == "DNC"', /^compares a comparison/],
  ['1 < contact.a < 3', /^compares a comparison/],
  ['- contact.a == 1', /^has a - that stands before no number/],
  ['outcome.x == 1', /^must have outcome alone/],
  ['contact == null', /^must have contact\.…/],
  ['call.answerd', /did you mean call\.answered\?$/],
  ['constructor == 1', /^names constructor, which is unknown/],
  ['x'.repeat(1_001), /^is longer than 1000 characters/],
])('%s is refused', (text, problem) => {
  expect(problemOf(text)).toMatch(problem);
});

it('whatever is written, it is read or refused, and never run', () => {
  const parts = [
    'contact.a', 'outcome', '"x"', '1', 'and', 'or', 'not', '(', ')', '==', '<', '.', '[', ']', '-',
    'null', '`', '${', '?', ':', ',', ';', '=>', 'constructor', '__proto__',
  ]; // biome-ignore format: a list of words
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 80 }),
    fc.array(fc.constantFrom(...parts), { maxLength: 20 }).map((words) => words.join(' ')),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const parsed = parseCondition(text, NAMES);
      if ('problem' in parsed) expect(parsed.problem).toMatch(/\S/);
      else expect(typeof holds(parsed.condition, KNOWN)).toBe('boolean');
    }),
  );
});
