import type { CallFacts, GateRules } from '../decision.ts';

/** A Tuesday, ten in the morning in New York. */
export const AT = Date.parse('2026-11-24T15:00:00Z');

export const RULES: GateRules = {
  dialling: true,
  consentRequired: true,
  callingHours: { fromMinute: 8 * 60, toMinute: 21 * 60 },
  dailyCalls: 200,
  callsPerNumberPerDay: 3,
  spendCapUsdPerDay: 50,
};

/** What is counted stands beside the rest. */
export type FactChanges = Partial<Omit<CallFacts, 'counted'> & CallFacts['counted']>;

/** A call that no rule is against; each change makes one fail. */
export function callFacts({
  suppressed = false,
  callsToNumber = 0,
  callsByKey = 0,
  spentMicrousd = 0,
  ...changes
}: FactChanges = {}): CallFacts {
  return {
    to: '+12125550100',
    consent: { known: true, recorded: false },
    counted: { suppressed, callsToNumber, callsByKey, spentMicrousd },
    keyRevoked: null,
    now: AT,
    callAt: AT,
    ...changes,
  };
}
