import { CallwireError } from '../errors.ts';
import { draftEvent } from '../events/catalogue.ts';
import type { Consent, Decision } from '../gate/decision.ts';
import type { DialGate, FirstDecision } from '../gate/dial_gate.ts';
import { type Refusal, refusalOf } from '../gate/refusal.ts';
import { type CallId, derivedId, newId } from '../ids.ts';
import { within } from '../ledger/within.ts';
import { CALL_NOT_ALLOWED, IDEMPOTENCY_KEY_KNOWN } from '../store/outbound_store.ts';
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
  gate: Pick<DialGate, 'atAcceptance' | 'refusing'>;
  /** Commits an append, never into a spool: an accepted call is in the ledger. */
  commit: (append: Append) => Promise<AppendResult>;
  clock?: () => number;
}

/** A store that has not done it by then: the client is told to try again. */
const LIMIT_MS = 5_000;

/**
 * Accepts outbound calls. The gate says what it can by itself; the store completes its decision in the
 * transaction that writes the call, so that of two requests at once only one can be the last that was
 * allowed. With the call its dial job is written; whoever gets the call back can rely on it.
 *
 * @throws `LEDGER_UNAVAILABLE`, retryable: nothing is known to be accepted.
 */
export function createCallAcceptance(options: CallAcceptanceOptions) {
  const { store, gate, commit } = options;
  const clock = options.clock ?? Date.now;

  const repetitionOf = async (request: CallRequest, since: number) => {
    if (!request.idempotency) return null;
    const { key, bodyHash } = request.idempotency;
    const known = await store.findIdempotent({ apiKeyId: request.apiKeyId, key, since });
    if (!known) return null;
    const call = known.bodyHash === bodyHash ? await store.getCall(known.callId) : null;
    return call ? ({ status: 'repeated', call } as const) : ({ status: 'conflict' } as const);
  };

  const acceptNow = async (request: CallRequest): Promise<AcceptedCall> => {
    const made = request.callId && (await store.getCall(request.callId));
    if (made) return { status: 'repeated', call: made };
    const first = gate.atAcceptance({
      to: request.to,
      apiKeyId: request.apiKeyId,
      consent: consentOf(request),
      scheduledFor: request.scheduledFor,
    });
    if (!first.decision.allowed) {
      // Whoever repeats gets the call of the first time, whatever is against a new one by now.
      const [repeated, decision] = await Promise.all([
        repetitionOf(request, first.since),
        gate.refusing(first),
      ]);
      return repeated ?? refusedBy(decision);
    }
    const result = await commit(appendOf(request, first, clock()));
    if (result.status === 'appended' && result.call) {
      return { status: 'accepted', call: result.call };
    }
    if (result.status === 'refused') {
      if (result.code === CALL_NOT_ALLOWED) return refusedBy(result.decision as Decision);
      const known = result.code === IDEMPOTENCY_KEY_KNOWN;
      const repeated = known && (await repetitionOf(request, first.since));
      if (repeated) return repeated;
      throw new CallwireError('LEDGER_REFUSED', `The ledger refused a call: ${result.code}.`);
    }
    throw new CallwireError('LEDGER_UNAVAILABLE', 'The call could not be written.', {
      retryable: true,
    });
  };

  return (request: CallRequest): Promise<AcceptedCall> => withinLimit(acceptNow(request));
}

function refusedBy(decision: Decision): AcceptedCall {
  const refusal = refusalOf(decision);
  if (refusal === null) throw new Error('what is allowed is not refused');
  return { status: 'refused', refusal };
}

export type AcceptCall = ReturnType<typeof createCallAcceptance>;

function consentOf({ consent }: CallRequest): Consent {
  return { known: consent.known, recorded: consent.recordId !== null };
}

function appendOf(
  request: CallRequest,
  { apiKeyId, decision, limits, since }: FirstDecision,
  now: number,
): Append {
  const { scheduledFor, idempotency, followsCallId } = request;
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
        gate: {},
        consentRecordId: request.consent.recordId,
        followsCallId,
        madeByRule: request.madeByRule ?? false,
      },
    },
    accept: { apiKeyId, idempotency, decision, limits, since },
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

async function withinLimit(work: Promise<AcceptedCall>): Promise<AcceptedCall> {
  const result = await within(LIMIT_MS, work);
  if (result) return result;
  throw new CallwireError('LEDGER_UNAVAILABLE', 'The store does not take the call.', {
    retryable: true,
    remedy: 'Ask again with the same idempotency key: a call that was written is found by it.',
  });
}
