import type { FollowUpRule } from '../config/follow_up_rules.ts';
import { consentOf } from '../gate/dial_gate.ts';
import { derivedId } from '../ids.ts';
import type { CallRecord } from '../store/store.ts';
import type { CallRequest } from './call_acceptance.ts';
import type { CallChain } from './call_chain.ts';

/**
 * Whose cap (DAILY_CALLS) counts a call that follows one which no key of the API asked for: all of
 * these together are one.
 */
const NO_KEY = 'follow_up';

/**
 * The call that follows up an outbound one, by its profile's rules; `null` for none. It is the first
 * call once more, with the same words, and of one id: however often it is asked for, it is one.
 *
 * A call that was cancelled before the answer is not followed up, whatever the rules say: somebody has
 * decided that it shall not be.
 */
export function followUpRequest(
  call: CallRecord,
  given: {
    rules: readonly FollowUpRule[];
    chain: CallChain;
    /** Milliseconds: the same however often this is asked. */
    completedAt: number;
    /** SIP_CALLER_NUMBER: for a call that another platform placed, from a number of its own. */
    callerNumber: string | undefined;
  },
): CallRequest | null {
  const { rules, chain, completedAt, callerNumber } = given;
  const rule = rules.find(({ on }) => on === call.outcome);
  if (!rule || call.direction !== 'outbound' || isCancelled(call) || call.to === '') return null;
  // Of a chain whose beginning has been removed nobody knows how long it is.
  if (!chain.whole || chain.before.length >= rule.times) return null;
  const from = call.apiKeyId === null ? (callerNumber ?? call.from) : call.from;
  if (from === null) return null;
  const consent = consentOf(call);
  return {
    callId: derivedId('call', completedAt, `${call.id} followed up`),
    agentId: call.agentId,
    to: call.to,
    from,
    variables: call.outbound?.variables ?? {},
    metadata: call.metadata,
    consent: { known: consent.known, recordId: call.outbound?.consentRecordId ?? null },
    scheduledFor: (call.endedAt ?? completedAt) + rule.afterMs,
    apiKeyId: call.apiKeyId ?? NO_KEY,
    idempotency: null,
    followsCallId: call.id,
  };
}

function isCancelled({ answeredAt, endReason }: CallRecord): boolean {
  return answeredAt === null && endReason === 'ended_by_api';
}
