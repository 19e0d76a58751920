import type { UncallableReason } from './callable_number.ts';
import type { Decision, Reason } from './decision.ts';

/** What a client is told whose call the gate refuses. The codes are the API's. */
export interface Refusal {
  code:
    | 'public_api_disabled'
    | 'forbidden'
    | 'insufficient_balance'
    | 'consent_required'
    | 'suppressed'
    | 'outside_calling_hours'
    | 'invalid_number'
    | 'cap_reached';
  /** For people; says nothing of who was to be called. */
  message: string;
  details?: Record<string, unknown>;
}

/** The refusal of a decision: that of the first rule that fails; `null` where all allow the call. */
export function refusalOf({ reasons }: Decision): Refusal | null {
  const failing = reasons.find(({ allowed }) => !allowed);
  if (!failing) return null;
  const refusal = refusalBy(failing);
  return { ...refusal, details: { ...refusal.details, reasons } };
}

function refusalBy(failing: Reason): Refusal {
  switch (failing.rule) {
    case 'kill_switch':
      return {
        code: 'public_api_disabled',
        message: 'This installation places no calls at the moment (PUBLIC_API).',
      };
    case 'api_key':
      return { code: 'forbidden', message: 'The key that asked for the call has been revoked.' };
    case 'number':
      return refusalOfNumber(failing.reason ?? 'malformed');
    case 'suppression':
      return { code: 'suppressed', message: 'The number is on the suppression list.' };
    case 'reached_since':
      return { code: 'forbidden', message: 'The person has been spoken with meanwhile.' };
    case 'consent':
      return {
        code: 'consent_required',
        message:
          'Nobody is called who has not agreed: send knownConsent as true, or a consentRecordId alone.',
      };
    case 'spend_cap':
      return {
        code: 'insufficient_balance',
        message: 'The calls of the last 24 hours have cost as much as they may.',
      };
    case 'calls_by_key':
    case 'calls_to_number':
      return refusalOfCap(failing.rule, failing.limit);
    case 'calling_hours':
      return refusalOfHours(failing.nextAllowedAt ?? null);
  }
}

const NUMBER_MESSAGES: Record<UncallableReason, string> = {
  malformed: 'phoneNumber must be a phone number with its country code: +15550100000.',
  emergency: 'Emergency numbers are not called.',
  short_code: 'Short codes are not called: a number with its country code is needed.',
  premium_rate: 'Premium-rate and shared-cost numbers are not called.',
  satellite: 'Satellite numbers are not called.',
};

/** Of a number by itself, where no decision is made. */
export function refusalOfNumber(reason: UncallableReason): Refusal {
  return { code: 'invalid_number', message: NUMBER_MESSAGES[reason], details: { reason } };
}

function refusalOfCap(rule: 'calls_by_key' | 'calls_to_number', limit: number): Refusal {
  const whose = rule === 'calls_by_key' ? 'This key' : 'This number';
  return {
    code: 'cap_reached',
    message: `${whose} has had its calls of the last 24 hours.`,
    details: { rule, limit },
  };
}

function refusalOfHours(nextAllowedAt: string | null): Refusal {
  return {
    code: 'outside_calling_hours',
    message:
      nextAllowedAt === null
        ? 'There is no time at which CALLING_HOURS are kept everywhere where this phone may be.'
        : 'It is outside CALLING_HOURS where this phone is, or may be.',
    details: { nextAllowedAt },
  };
}
