import type { CallRecord } from './call_record.ts';
import type { AcceptanceFacts, CountedLimits, DecisionOnCall } from './counted_rules.ts';

/*
 * An outbound call on its way to the phone
 * ========================================
 *
 *   append with `accept` ─▶ scheduled ──its time has come──▶ queued
 *        │                      └──────────┬───────────────────┘
 *        │ not allowed                     │ takeForDialling: a new lease, for the process that dials
 *        ▼                                 ▼
 *     refused, no trace            call.started under that lease ─▶ dialing ─▶ ringing ─▶ active
 *                                          │ suppressed, or its `DialGuard` fails
 *                                          ▼
 *                                   refused: CALL_SUPPRESSED, CALLS_TO_NUMBER, SPEND_CAP
 *
 * `dialing` is committed before the INVITE, and only a call that waits can be taken for dialling: so
 * whatever crashes between, nobody dials a second time. A call that waits is held by nobody; what
 * brings it on is its job of kind `dial`.
 */

/** Present in the append that opens an outbound call; judged inside its transaction. */
export interface CallAcceptance {
  /** Which key of the API asked; `env` for API_KEY. */
  apiKeyId: string;
  /** One call for each key and idempotency key, for as long as it is remembered. */
  idempotency: { key: string; bodyHash: string } | null;
  /**
   * The gate's, as if nothing were counted. It is completed by what is counted when the call is written
   * (`counted_rules.ts`); where it allows the call then, it is kept as the call's `gate.acceptance`.
   */
  decision: DecisionOnCall;
  limits: CountedLimits;
  /** Calls and spending since then count, and the idempotency key for as long. */
  since: number;
}

/**
 * Present in the append of an outbound call's `call.started`, and judged inside its transaction, which
 * also makes the call one that was dialled: of two calls that begin at once, only one can be the last
 * that was allowed. What is `null` is not judged; suppression always is.
 */
export interface DialGuard {
  /** Calls that were dialled, and spending, since then count. */
  since: number;
  dialledToNumber: number | null;
  spentMicrousd: number | null;
}

/** What the gate judges a call by that is to be dialled, as it is now. */
export interface DiallingFacts {
  suppressed: boolean;
  /** Calls to the number that somebody has begun to dial since then, whenever they were accepted. */
  dialledToNumber: number;
  /** Whether the key has been taken back; that of the environment never is. */
  keyRevoked: boolean;
  spentMicrousd: number;
}

/** Codes of an append that begins to dial, and that its guard refused. */
export const DIAL_GUARD_CODES = ['CALL_SUPPRESSED', 'CALLS_TO_NUMBER', 'SPEND_CAP'] as const;

/** Codes of an append with `accept`: its result has the decision; or the key has made a call. */
export const CALL_NOT_ALLOWED = 'CALL_NOT_ALLOWED';
export const IDEMPOTENCY_KEY_KNOWN = 'IDEMPOTENCY_KEY_KNOWN';

export type DialTurn =
  /** The caller of this dials, or sees to it that it ends. */
  | { status: 'taken'; call: CallRecord; lease: number }
  /** Somebody has begun: never again. */
  | { status: 'begun'; call: CallRecord }
  | { status: 'ended' }
  | { status: 'unknown' };

export interface OutboundStore {
  /** What the gate would judge a call by that is asked for now. */
  acceptanceFacts(query: { to: string; apiKeyId: string; since: number }): Promise<AcceptanceFacts>;
  diallingFacts(query: {
    to: string;
    apiKeyId: string | null;
    since: number;
  }): Promise<DiallingFacts>;
  /** The call that an idempotency key has made since `since`, and the hash of its body. */
  findIdempotent(query: {
    apiKeyId: string;
    key: string;
    since: number;
  }): Promise<{ callId: string; bodyHash: string } | null>;
  /** A new lease on a call that waits, whoever had one before; see above. */
  takeForDialling(callId: string, leaseMs: number): Promise<DialTurn>;
  /** The gate's decision at dialling, beside the one at acceptance. */
  recordGate(callId: string, gate: Record<string, unknown>): Promise<void>;
}
