import type { FollowUpRule } from '../config/follow_up_rules.ts';
import type { CallRecord } from '../store/store.ts';
import type { CallRequest } from './call_acceptance.ts';
import type { CallChain } from './call_chain.ts';
import { type AfterCall, nextCall } from './next_call.ts';

/**
 * The call that follows up an outbound one, by its profile's `followups`: the first call once more.
 * `null` for none.
 */
export function followUpRequest(
  call: CallRecord,
  { rules, chain, ...after }: AfterCall & { rules: readonly FollowUpRule[]; chain: CallChain },
): CallRequest | null {
  const rule = rules.find(({ on }) => on === call.outcome);
  if (!rule || call.direction !== 'outbound' || followUpsTo(call, chain) >= rule.times) return null;
  return nextCall(call, after, {
    seed: 'followed up',
    agentId: call.agentId,
    scheduledFor: (call.endedAt ?? after.completedAt) + rule.afterMs,
    madeByRule: false,
    knownConsent: null,
  });
}

/**
 * How many follow-ups there have been, this call included, since the call that somebody asked for, or
 * a rule. Of a chain whose beginning has been removed nobody knows it, and it goes on no more.
 */
function followUpsTo(call: CallRecord, { before }: CallChain): number {
  const first = [call, ...before].findIndex(
    ({ outbound }) => outbound === null || outbound.followsCallId === null || outbound.madeByRule,
  );
  return first === -1 ? Number.POSITIVE_INFINITY : first;
}
