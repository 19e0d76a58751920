import { type PhoneNumber, parsePhoneNumberFromString as parse } from 'libphonenumber-js/max';
import { possible, toE164 } from '../config/phone_number.ts';
import table from './tables/special_numbers.json' with { type: 'json' };

/** Why a number is never dialled. */
export type UncallableReason =
  /** No phone number with a country code, or one with an extension, which a trunk cannot dial. */
  | 'malformed'
  /** Emergency services, here or anywhere. */
  | 'emergency'
  /** A number of a network's own: directory enquiries, 311, text services. */
  | 'short_code'
  /** The called party is paid by the minute, or shares in the cost. */
  | 'premium_rate'
  /** Satellite phones and shipping: dollars a minute. */
  | 'satellite';

export type CallableNumber = { ok: true; e164: string } | { ok: false; reason: UncallableReason };

/** +881 (Globalstar, Iridium), +870 (Inmarsat), +882 and +883 (networks of no country). */
const SATELLITE_CODES = new Set(['870', '881', '882', '883']);
/** +979 (international premium rate), +808 (international shared cost). */
const COSTLY_CODES = new Set(['979', '808']);

interface SpecialNumbers {
  emergency: RegExp;
  short: RegExp;
  /** Leading digits that only premium-rate and shared-cost numbers have. */
  costly: readonly string[];
}

const specialNumbers = new Map<string, SpecialNumbers>(
  Object.entries(table.callingCodes).map(([code, { emergency, short, costly }]) => [
    code,
    { emergency: whole(emergency), short: whole(short), costly },
  ]),
);

/**
 * The E.164 form of a number that may be dialled at all, or why it may not. Judged by length and by
 * what is known to be special, not by libphonenumber's `isValid`: numbers of new ranges and test
 * numbers (+1 555…) are dialled.
 */
export function callableNumber(text: string): CallableNumber {
  const known = judged.get(text);
  if (known) return known;
  if (judged.size >= REMEMBERED) judged.clear();
  const number = judge(text.trim());
  judged.set(text, number);
  return number;
}

/** An accepted call is judged three times, and each costs libphonenumber 0.3 ms. */
const judged = new Map<string, CallableNumber>();
const REMEMBERED = 100;

function judge(written: string): CallableNumber {
  if (isBareEmergency(written)) return refused('emergency');
  if (/^\d{2,6}$/.test(written)) return refused('short_code');
  const hasPlus = written.startsWith('+');
  // Behind a plus it may be special without being possible: +1 911.
  if (!hasPlus && toE164(written) === null) return refused('malformed');
  const number = parse(hasPlus ? written : `+${written}`, { extract: false });
  const reason = number && specialReason(number);
  if (reason) return refused(reason);
  const e164 = number?.ext ? null : possible(number);
  return e164 === null ? refused('malformed') : { ok: true, e164 };
}

function specialReason(number: PhoneNumber): UncallableReason | null {
  const { countryCallingCode: code, nationalNumber } = number;
  if (SATELLITE_CODES.has(code)) return 'satellite';
  if (COSTLY_CODES.has(code)) return 'premium_rate';

  const type = number.getType();
  if (type === 'PREMIUM_RATE' || type === 'SHARED_COST') return 'premium_rate';
  if (code === '1') {
    const reason = northAmericanReason(nationalNumber, number.country);
    if (reason) return reason;
  }
  // What is a subscriber's number is none of the others, whatever it begins with.
  if (type !== undefined) return null;
  const special = specialNumbers.get(code);
  if (special?.emergency.test(nationalNumber)) return 'emergency';
  if (special?.short.test(nationalNumber)) return 'short_code';
  if (special?.costly.some((digits) => nationalNumber.startsWith(digits))) return 'premium_rate';
  return null;
}

/**
 * Area codes such as 911 are never given out. Where a trunk drops the +1, as ten-digit dialling has
 * it, +1 911 555 0100 would reach the emergency services. And 976 behind an area code is premium rate
 * in the USA and Canada, which libphonenumber does not know.
 */
function northAmericanReason(
  national: string,
  country: string | undefined,
): UncallableReason | null {
  if (/^911\d{7}$/.test(national)) return 'emergency';
  if (/^[2-8]11\d{7}$/.test(national)) return 'short_code';
  const mayBeNorthern = country === undefined || country === 'US' || country === 'CA';
  return mayBeNorthern && /^(\d{3})?976\d{4,7}$/.test(national) ? 'premium_rate' : null;
}

/** `911`, `112`, `+999`: as a person dials them, some of them also where they are not in use. */
function isBareEmergency(text: string): boolean {
  const digits = text.replaceAll(/[^\d]/g, '');
  return (
    digits.length <= LONGEST_EMERGENCY &&
    [...specialNumbers.values()].some(({ emergency }) => emergency.test(digits))
  );
}

/** Digits, of the longest in the table. */
const LONGEST_EMERGENCY = 6;

function whole(pattern: string): RegExp {
  // An empty pattern is a calling code without such numbers.
  return pattern === '' ? /(?!)/ : new RegExp(`^(?:${pattern})$`);
}

function refused(reason: UncallableReason): CallableNumber {
  return { ok: false, reason };
}
