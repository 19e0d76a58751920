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

/** A call that no rule is against; each change makes one fail. */
export function callFacts(changes: Partial<CallFacts> = {}): CallFacts {
  return {
    to: '+12125550100',
    consent: { known: true, recorded: false },
    suppressed: false,
    callsToNumberInLast24h: 0,
    callsByKeyInLast24h: 0,
    keyRevoked: null,
    spentUsdInLast24h: 0,
    now: AT,
    callAt: AT,
    ...changes,
  };
}
