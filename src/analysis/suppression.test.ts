import { expect, it } from 'vitest';
import type { Outcome } from '../events/vocabulary.ts';
import { suppressionsBy } from './suppression.ts';

const by = (outcome: Outcome, direction: 'inbound' | 'outbound', phone: string | null) =>
  suppressionsBy({ outcome, direction, phone, callId: 'call_1', time: 5 });

it.each<Outcome>(['DNC', 'NOT_OWNER', 'WRONG_NUMBER'])(
  '%s of a call that we placed takes the number off for good',
  (outcome) => {
    expect(by(outcome, 'outbound', '+15550100001')).toEqual([
      {
        id: expect.stringMatching(/^sup_/),
        phone: '+15550100001',
        source: 'outcome',
        reason: outcome,
        callId: 'call_1',
        createdAt: 5,
      },
    ]);
  },
);

it('of whoever calls us, only the wish not to be called counts', () => {
  expect(by('DNC', 'inbound', '+15550100001')).toHaveLength(1);
  expect(by('WRONG_NUMBER', 'inbound', '+15550100001')).toEqual([]);
  expect(by('NOT_OWNER', 'inbound', '+15550100001')).toEqual([]);
});

it('an outcome that says nothing against calling takes nobody off', () => {
  expect(by('NOT_INTERESTED', 'outbound', '+15550100001')).toEqual([]);
});

it('a number that was withheld cannot be listed', () => {
  expect(by('DNC', 'inbound', null)).toEqual([]);
  expect(by('DNC', 'inbound', 'anonymous')).toEqual([]);
});
