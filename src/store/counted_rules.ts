/*
 * The dial gate's rules that are judged by what the database knows. They stand here, since they are judged in
 * the transaction that writes the call: between a look and a write another call could be the last
 * that was allowed. All other rules are the gate's own (`src/gate/decision.ts`).
 */

/** What these rules judge a call by that is asked for, as it is now. */
export interface AcceptanceFacts {
  suppressed: boolean;
  /** Calls to the number that were accepted since then and did not end `blocked`. */
  callsToNumber: number;
  callsByKey: number;
  spentMicrousd: number;
}

/** What they allow. A number that is suppressed is never called. */
export interface CountedLimits {
  callsToNumber: number;
  callsByKey: number;
  /** `null` = no cap. */
  spentUsd: number | null;
}

/** One rule's word, without anything that tells who is called. */
export type CountedReason = { allowed: boolean } & (
  | { rule: 'suppression' }
  | { rule: 'spend_cap'; limitUsd: number | null; spentUsd: number }
  | { rule: 'calls_by_key' | 'calls_to_number'; limit: number; calls: number }
);

/** A decision of the gate, as far as it has to be known to be completed. */
export interface DecisionOnCall {
  allowed: boolean;
  reasons: readonly { rule: string; allowed: boolean }[];
}

const MICRO = 1_000_000;

export function suppressionReason(suppressed: boolean): CountedReason {
  return { rule: 'suppression', allowed: !suppressed };
}

export function spendReason(spentMicrousd: number, limitUsd: number | null): CountedReason {
  const spentUsd = spentMicrousd / MICRO;
  const allowed = limitUsd === null || spentUsd < limitUsd;
  return { rule: 'spend_cap', allowed, limitUsd, spentUsd };
}

export function capReason(
  rule: 'calls_by_key' | 'calls_to_number',
  calls: number,
  limit: number,
): CountedReason {
  return { rule, allowed: calls < limit, limit, calls };
}

/** The decision with what these rules say by now in the place of what they said without the facts. */
export function completeDecision<D extends DecisionOnCall>(
  decision: D,
  facts: AcceptanceFacts,
  limits: CountedLimits,
): D {
  const counted = new Map<string, CountedReason>(
    [
      suppressionReason(facts.suppressed),
      spendReason(facts.spentMicrousd, limits.spentUsd),
      capReason('calls_by_key', facts.callsByKey, limits.callsByKey),
      capReason('calls_to_number', facts.callsToNumber, limits.callsToNumber),
    ].map((reason) => [reason.rule, reason]),
  );
  const reasons = decision.reasons.map((reason) => counted.get(reason.rule) ?? reason);
  return { ...decision, allowed: reasons.every(({ allowed }) => allowed), reasons };
}
