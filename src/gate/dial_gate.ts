import { z } from 'zod';
import { DAY_MS } from '../durations.ts';
import { completeDecision } from '../store/counted_rules.ts';
import type { CallAcceptance, DialGuard } from '../store/outbound_store.ts';
import type { CallRecord, Store } from '../store/store.ts';
import { callableNumber } from './callable_number.ts';
import { type CallFacts, type Consent, type Decision, decide, type GateRules } from './decision.ts';

const MICRO = 1_000_000;

export interface AcceptanceRequest {
  /** As the client wrote it. */
  to: string;
  apiKeyId: string;
  consent: Consent;
  /** Milliseconds; `null` = at once. */
  scheduledFor: number | null;
}

/** What the gate says when a call is about to be dialled; `record` is kept as `gate.dialling`. */
export type DiallingVerdict = Verdict & { record: Decision };

type Verdict =
  | { verdict: 'dial' }
  /** Only the hours are against it; milliseconds. */
  | { verdict: 'wait'; until: number }
  | { verdict: 'block' };

type GateStore = Pick<Store, 'acceptanceFacts' | 'diallingFacts'>;

export interface DialGateOptions {
  store: GateStore;
  rules: GateRules;
  clock?: () => number;
}

/** What the gate says to a request before anything is counted. */
export interface FirstDecision extends Pick<CallAcceptance, 'apiKeyId' | 'limits' | 'since'> {
  /** Where it allows the call, the number's E.164. */
  to: string;
  /** As if nothing were counted: where it refuses the call, it will. */
  decision: Decision;
}

const NOTHING_COUNTED = { suppressed: false, callsToNumber: 0, callsByKey: 0, spentMicrousd: 0 };

/**
 * The dial gate: judges a call when it is accepted, and again when it is to be dialled, by the rules
 * of `decision.ts` and what the store knows by then. What must hold whatever else happens at the
 * same time is judged inside the store's transactions: at acceptance suppression, caps and spending, which
 * complete the decision there; before dialling the same once more, by the guard of the append that
 * begins to dial.
 */
export class DialGate {
  readonly #store: GateStore;
  readonly #rules: GateRules;
  readonly #clock: () => number;

  constructor({ store, rules, clock = Date.now }: DialGateOptions) {
    this.#store = store;
    this.#rules = rules;
    this.#clock = clock;
  }

  /** All that can be said without the store, which says the rest in the transaction that writes the call. */
  atAcceptance(request: AcceptanceRequest): FirstDecision {
    const { apiKeyId, consent, scheduledFor } = request;
    const number = callableNumber(request.to);
    const to = number.ok ? number.e164 : request.to;
    const now = this.#clock();
    const decision = decide(
      {
        to,
        consent,
        counted: NOTHING_COUNTED,
        keyRevoked: null,
        now,
        callAt: Math.max(now, scheduledFor ?? now),
      },
      this.#rules,
    );
    const { callsPerNumberPerDay, dailyCalls, spendCapUsdPerDay } = this.#rules;
    const limits = {
      callsToNumber: callsPerNumberPerDay,
      callsByKey: dailyCalls,
      spentUsd: spendCapUsdPerDay,
    };
    return { to, apiKeyId, decision, limits, since: now - DAY_MS };
  }

  /** Of a call that is refused, and so never written: what it is to be told, completed by what is counted now. */
  async refusing({ to, apiKeyId, decision, limits, since }: FirstDecision): Promise<Decision> {
    const facts = await this.#store.acceptanceFacts({ to, apiKeyId, since });
    return completeDecision(decision, facts, limits);
  }

  /**
   * The number's cap is judged by the calls that were dialled, not by those that were accepted: three
   * that were accepted on each of three days, all scheduled for the fourth, would pass otherwise. The
   * key's cap is on what is asked for, so it has been judged at acceptance for good.
   */
  async atDialling(call: CallRecord): Promise<DiallingVerdict> {
    const now = this.#clock();
    const known = await this.#store.diallingFacts({
      to: call.to,
      apiKeyId: call.apiKeyId,
      since: now - DAY_MS,
    });
    const facts: CallFacts = {
      to: call.to,
      consent: consentOf(call),
      counted: {
        suppressed: known.suppressed,
        callsToNumber: known.dialledToNumber,
        callsByKey: null,
        spentMicrousd: known.spentMicrousd,
      },
      keyRevoked: known.keyRevoked,
      now,
      callAt: now,
    };
    const record = decide(facts, this.#rules);
    return { record, ...verdictOf(record) };
  }

  /** What must still hold in the transaction that begins to dial: what other calls may change. */
  guardAtDialling(): DialGuard {
    return {
      since: this.#clock() - DAY_MS,
      dialledToNumber: this.#rules.callsPerNumberPerDay,
      spentMicrousd: this.#spendCapMicrousd(),
    };
  }

  #spendCapMicrousd(): number | null {
    const { spendCapUsdPerDay } = this.#rules;
    return spendCapUsdPerDay === null ? null : Math.round(spendCapUsdPerDay * MICRO);
  }
}

/** Hours pass, so a call that only they are against waits; whatever else fails blocks it. */
function verdictOf({ reasons }: Decision): Verdict {
  const failing = reasons.filter(({ allowed }) => !allowed);
  const [first] = failing;
  if (!first) return { verdict: 'dial' };
  if (failing.length === 1 && first.rule === 'calling_hours' && first.nextAllowedAt) {
    return { verdict: 'wait', until: Date.parse(first.nextAllowedAt) };
  }
  return { verdict: 'block' };
}

const AcceptedGate = z.object({
  acceptance: z.object({
    reasons: z.array(
      z.object({
        rule: z.string(),
        known: z.boolean().nullable().optional(),
        recorded: z.boolean().optional(),
      }),
    ),
  }),
});

/** What was said of consent when the call was accepted. */
export function consentOf({ outbound }: CallRecord): Consent {
  const gate = AcceptedGate.safeParse(outbound?.gate);
  const said = gate.data?.acceptance.reasons.find(({ rule }) => rule === 'consent');
  return {
    known: said?.known ?? null,
    recorded: said?.recorded ?? outbound?.consentRecordId != null,
  };
}
