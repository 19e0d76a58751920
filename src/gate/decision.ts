import { type CallingWindow, formatCallingWindow } from '../config/calling_window.ts';
import type { Settings } from '../config/settings.ts';
import {
  type AcceptanceFacts,
  type CountedReason,
  capReason,
  spendReason,
  suppressionReason,
} from '../store/counted_rules.ts';
import { callableNumber, type UncallableReason } from './callable_number.ts';
import { type HoursJudgement, judgeHours } from './calling_hours.ts';

/*
 * The rules of the dial gate, in the order in which a failing one is answered: first what holds for
 * every call, then what is wrong with this number for good, then what passes. A client that is told
 * to come back at `nextAllowedAt` is not refused for another reason then.
 *
 *   kill_switch       403 public_api_disabled      PUBLIC_API=off
 *   api_key           blocked at dialling          the key that asked for the call is revoked since
 *   number            422 invalid_number           no number, emergency, short code, costly
 *   suppression       422 suppressed               on the list
 *   consent           422 consent_required         nobody says that the person has agreed
 *   spend_cap         402 insufficient_balance     the last 24 hours have cost as much as they may
 *   calls_by_key      422 cap_reached              the key has had its calls of the last 24 hours
 *   calls_to_number   422 cap_reached              the number has had its calls of the last 24 hours
 *   calling_hours     422 outside_calling_hours    not at this time of the day, where the phone is
 *
 * Of follow-ups one more is judged beside them (`src/dialling/reached_since.ts`):
 *
 *   reached_since     blocked at dialling          the person has been spoken with meanwhile
 */

/** What the operator has set. */
export type GateRules = Settings['gate'];

/** What is known of the call. The call that is judged counts in none of the numbers. */
export interface CallFacts {
  /** As it is to be dialled; E.164 but for a number that is refused. */
  to: string;
  consent: Consent;
  /** Of the last 24 hours. `callsByKey`: `null` where that has been judged for good. */
  counted: Omit<AcceptanceFacts, 'callsByKey'> & { callsByKey: number | null };
  /** `null` at acceptance: a revoked key gets no further than 401. */
  keyRevoked: boolean | null;
  /** Milliseconds. */
  now: number;
  /** When the phone is to ring, milliseconds: the time of the day is judged for then. */
  callAt: number;
}

export interface Consent {
  /** What the client said: whether it knows that the person has agreed; `null` where it said nothing. */
  known: boolean | null;
  /** Whether it named a record of that. */
  recorded: boolean;
}

/** One rule's word, without anything that tells who is called. Times are ISO 8601. */
export type Reason = { allowed: boolean } & (
  | { rule: 'kill_switch' }
  | { rule: 'api_key' }
  | { rule: 'number'; reason?: UncallableReason }
  | { rule: 'reached_since' }
  | ({ rule: 'consent'; required: boolean } & Consent)
  | CountedReason
  | ({ rule: 'calling_hours'; window: string; judgedFor: string } & Partial<ShownHours>)
);
export type RuleName = Reason['rule'];

type ShownHours = Omit<HoursJudgement, 'allowed' | 'nextAllowedAt'> & {
  /** Only of a refusal. */
  nextAllowedAt: string | null;
};

/** Stored with the call and shown as its `gate`. */
export interface Decision {
  allowed: boolean;
  /** When it was decided. */
  at: string;
  /** Of every rule, in order, whatever the others say. */
  reasons: Reason[];
}

/** Judges a call by every rule. */
export function decide(facts: CallFacts, rules: GateRules): Decision {
  const { counted } = facts;
  const reasons: Reason[] = [
    { rule: 'kill_switch', allowed: rules.dialling },
    ...(facts.keyRevoked === null
      ? []
      : [{ rule: 'api_key' as const, allowed: !facts.keyRevoked }]),
    numberReason(facts.to),
    suppressionReason(counted.suppressed),
    consentReason(facts.consent, rules.consentRequired),
    spendReason(counted.spentMicrousd, rules.spendCapUsdPerDay),
    ...(counted.callsByKey === null
      ? []
      : [capReason('calls_by_key', counted.callsByKey, rules.dailyCalls)]),
    capReason('calls_to_number', counted.callsToNumber, rules.callsPerNumberPerDay),
    hoursReason(facts.to, rules.callingHours, facts.callAt),
  ];
  return { allowed: reasons.every(({ allowed }) => allowed), at: iso(facts.now), reasons };
}

function numberReason(to: string): Reason {
  const number = callableNumber(to);
  if (number.ok) return { rule: 'number', allowed: true };
  return { rule: 'number', allowed: false, reason: number.reason };
}

/** A client that says that it does not know of a consent is believed, whatever record it names. */
function consentReason(consent: Consent, required: boolean): Reason {
  const given = consent.known ?? consent.recorded;
  return { rule: 'consent', allowed: given || !required, required, ...consent };
}

function hoursReason(to: string, window: CallingWindow | null, callAt: number): Reason {
  const judgedFor = iso(callAt);
  if (window === null) {
    return { rule: 'calling_hours', allowed: true, window: 'off', judgedFor };
  }
  const { allowed, nextAllowedAt, ...judgement } = judgeHours(to, window, callAt);
  return {
    rule: 'calling_hours',
    allowed,
    window: formatCallingWindow(window),
    judgedFor,
    ...judgement,
    ...(!allowed && {
      nextAllowedAt: nextAllowedAt === null ? null : iso(nextAllowedAt),
    }),
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
