import { CallwireError } from '../errors.ts';
import { draftEvent } from '../events/catalogue.ts';
import type { Consent, Decision } from '../gate/decision.ts';
import type { DialGate } from '../gate/dial_gate.ts';
import { type Refusal, refusalOf, refusalOfGuard } from '../gate/refusal.ts';
import { type CallId, derivedId, newId } from '../ids.ts';
import { within } from '../ledger/within.ts';
import { GUARD_CODES, type GuardCode } from '../store/outbound_store.ts';
import type { Append, AppendResult, CallRecord, Store } from '../store/store.ts';

/** What somebody wants: checked in its form, not yet by the gate. */
export interface CallRequest {
  /** The id of a call that is made once, whoever asks for it again. (Default: a new one) */
  callId?: CallId;
  agentId: string;
  /** E.164 both. */
  to: string;
  from: string;
  variables: Record<string, unknown>;
  metadata: Record<string, unknown>;
  consent: { known: boolean | null; recordId: string | null };
  /** `null` = at once. */
  scheduledFor: number | null;
  /** Which key asks; caps and idempotency are its own. */
  apiKeyId: string;
  idempotency: { key: string; bodyHash: string } | null;
  followsCallId: string | null;
  /** A rule asks, and not a follow-up or the API. (Default: false) */
  madeByRule?: boolean;
}

export type AcceptedCall =
  | { status: 'accepted'; call: CallRecord }
  /** The idempotency key has made this call, of the same body, or the call's id is known. */
  | { status: 'repeated'; call: CallRecord }
  /** The idempotency key has made a call of another body. */
  | { status: 'conflict' }
  | { status: 'refused'; refusal: Refusal };

export interface CallAcceptanceOptions {
  store: Pick<Store, 'getCall' | 'findIdempotent'>;
  gate: Pick<DialGate, 'atAcceptance'>;
  /** Commits an append, never into a spool: an accepted call is in the ledger. */
  commit: (append: Append) => Promise<AppendResult>;
  clock?: () => number;
}

/** How long an idempotency key is remembered, and what a cap counts. */
export const DAY_MS = 24 * 3_600_000;

/** A store that does not commit by then: the client is told to try again. */
const COMMIT_LIMIT_MS = 5_000;

/** Somebody else's call came between the decision and the commit; more often than this is a fault. */
const ATTEMPTS = 3;

/**
 * Accepts outbound calls: the gate decides by what the store says, and the store judges the same
 * numbers again in the transaction that writes the call, so that two requests at once cannot both be
 * the last that was allowed. With the call its dial job is written; whoever gets the call back can
 * rely on it.
 *
 * @throws `LEDGER_UNAVAILABLE`, retryable: nothing is known to be accepted.
 */
export function createCallAcceptance(options: CallAcceptanceOptions) {
  const { store, gate, commit } = options;
  const clock = options.clock ?? Date.now;

  const repetitionOf = async (request: CallRequest, since: number) => {
    const made = request.callId && (await store.getCall(request.callId));
    if (made) return { status: 'repeated', call: made } as const;
    if (!request.idempotency) return null;
    const { key, bodyHash } = request.idempotency;
    const known = await store.findIdempotent({ apiKeyId: request.apiKeyId, key, since });
    if (!known) return null;
    const call = known.bodyHash === bodyHash ? await store.getCall(known.callId) : null;
    return call ? ({ status: 'repeated', call } as const) : ({ status: 'conflict' } as const);
  };

  return async function accept(request: CallRequest): Promise<AcceptedCall> {
    let refusal: Refusal | null = null;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const now = clock();
      // Asked in the same breath: waking the store's thread costs more than what it looks up.
      const [repeated, { decision, guard }] = await Promise.all([
        repetitionOf(request, now - DAY_MS),
        gate.atAcceptance({
          to: request.to,
          apiKeyId: request.apiKeyId,
          consent: consentOf(request),
          scheduledFor: request.scheduledFor,
        }),
      ]);
      if (repeated) return repeated;
      refusal = refusalOf(decision);
      if (refusal) return { status: 'refused', refusal };

      const append = appendOf(request, decision, { now, guard });
      const result = await withinLimit(commit(append));
      if (result.status === 'appended' && result.call) {
        return { status: 'accepted', call: result.call };
      }
      // The guard found what the gate did not see yet: the next look says it in the gate's words.
      if (result.status === 'refused') refusal = refusalOfGuard(guardCode(result.code));
    }
    if (refusal) return { status: 'refused', refusal };
    throw new CallwireError('LEDGER_UNAVAILABLE', 'The call could not be written.', {
      retryable: true,
    });
  };
}

export type AcceptCall = ReturnType<typeof createCallAcceptance>;

function consentOf({ consent }: CallRequest): Consent {
  return { known: consent.known, recorded: consent.recordId !== null };
}

/** @throws `LEDGER_REFUSED` for a refusal that no client could do anything about. */
function guardCode(code: string): GuardCode {
  const known = GUARD_CODES.find((one) => one === code);
  if (known) return known;
  throw new CallwireError('LEDGER_REFUSED', `The ledger refused a call: ${code}.`);
}

function appendOf(
  request: CallRequest,
  decision: Decision,
  { now, guard }: { now: number; guard: NonNullable<Append['accept']>['guard'] },
): Append {
  const { scheduledFor, idempotency, apiKeyId, followsCallId } = request;
  const id = request.callId ?? newId('call', now);
  const scheduled = scheduledFor !== null && scheduledFor > now ? scheduledFor : null;
  return {
    callId: id,
    open: {
      id,
      direction: 'outbound',
      from: request.from,
      to: request.to,
      agentId: request.agentId,
      // A room of its own, by the call's id: whoever comes after a crash knows where to look.
      room: id,
      metadata: request.metadata,
      time: now,
      outbound: {
        variables: request.variables,
        scheduledFor: scheduled,
        gate: { acceptance: decision },
        consentRecordId: request.consent.recordId,
        followsCallId,
        madeByRule: request.madeByRule ?? false,
      },
    },
    accept: { apiKeyId, idempotency, guard },
    events: [
      draftEvent(
        'call.initiated',
        {
          ...(scheduled !== null && { scheduled_for: new Date(scheduled).toISOString() }),
          ...(followsCallId !== null && { follows_call_id: followsCallId }),
        },
        { time: now },
      ),
    ],
    jobs: [
      {
        id: derivedId('job', now, `${id} dial`),
        kind: 'dial',
        target: 'dial',
        body: { call: id },
        ...(scheduled !== null && { dueAt: scheduled }),
      },
    ],
  };
}

async function withinLimit(work: Promise<AppendResult>): Promise<AppendResult> {
  const result = await within(COMMIT_LIMIT_MS, work);
  if (result) return result;
  throw new CallwireError('LEDGER_UNAVAILABLE', 'The store does not take the call.', {
    retryable: true,
    remedy: 'Ask again with the same idempotency key: a call that was written is found by it.',
  });
}
