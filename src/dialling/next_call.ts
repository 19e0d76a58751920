import { toE164 } from '../config/phone_number.ts';
import { consentOf } from '../gate/dial_gate.ts';
import { derivedId } from '../ids.ts';
import type { CallRecord } from '../store/store.ts';
import type { CallRequest } from './call_acceptance.ts';
import { wasReachedBefore } from './reached_since.ts';

/**
 * Whose cap (DAILY_CALLS) counts a call that follows one which no key of the API asked for: all of
 * these together are one.
 */
const NO_KEY = 'follow_up';

/** What is known of every call that follows another. */
export interface AfterCall {
  /** Milliseconds: the same however often this is asked. */
  completedAt: number;
  /** SIP_CALLER_NUMBER: from which we call whom another platform called, or who called us. */
  callerNumber: string | undefined;
}

/**
 * Another call to the other party of one that is completed: with the same words, and of an id that
 * follows from the call and `seed`, so that it is one however often it is asked for. `null` where
 * there is nobody to call, or no number to call from.
 *
 * A call that was cancelled before the answer leads to nothing: somebody has decided that it shall not.
 * Nor does a follow-up that was not dialled because its person had been reached.
 */
export function nextCall(
  call: CallRecord,
  { completedAt, callerNumber }: AfterCall,
  next: {
    seed: string;
    agentId: string;
    scheduledFor: number | null;
    madeByRule: boolean;
    /** `null`: as it was said of the call before. */
    knownConsent: boolean | null;
  },
): CallRequest | null {
  const { direction, apiKeyId, outbound } = call;
  const to = toE164(call.contact.phone ?? '');
  const ours = direction === 'outbound' ? call.from : call.to;
  const from = toE164((apiKeyId === null && callerNumber) || (ours ?? ''));
  if (to === null || from === null || isCancelled(call)) return null;
  if (wasReachedBefore(call)) return null;
  const known = outbound === null ? null : consentOf(call).known;
  return {
    callId: derivedId('call', completedAt, `${call.id} ${next.seed}`),
    agentId: next.agentId,
    to,
    from,
    variables: outbound?.variables ?? {},
    metadata: call.metadata,
    consent: { known: next.knownConsent ?? known, recordId: outbound?.consentRecordId ?? null },
    scheduledFor: next.scheduledFor,
    apiKeyId: apiKeyId ?? NO_KEY,
    idempotency: null,
    followsCallId: call.id,
    madeByRule: next.madeByRule,
  };
}

function isCancelled({ answeredAt, endReason }: CallRecord): boolean {
  return answeredAt === null && endReason === 'ended_by_api';
}
