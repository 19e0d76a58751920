import parsePhoneNumber, { type CountryCode, type PhoneNumber } from 'libphonenumber-js/min';

/** "UNAVAILABLE" on a telephone keypad: sent for withheld numbers, and possible in China's plan. */
const KEYPAD_UNAVAILABLE = '+86282452253';

/**
 * The E.164 form of a phone number as a person or a carrier writes it; `null` for a withheld
 * number ("anonymous") and for anything that cannot be one. Judged by length and country code
 * only (libphonenumber's `isPossible`): `isValid` would refuse numbers in use, +1 555… among them.
 *
 * Some carriers leave the plus away. With `near`, the E.164 number at the other end of the call,
 * such a number is read as its country would; without it, 11 to 15 digits that do not start with
 * 0 are taken for an international number, and fewer for nothing.
 */
export function toE164(text: string, { near }: { near?: string | null } = {}): string | null {
  const number = text.trim();
  if (number.startsWith('+')) return international(number);

  const callingCode = near ? parsePhoneNumber(near, { extract: false })?.countryCallingCode : null;
  if (callingCode) {
    return possible(parsePhoneNumber(number, { defaultCallingCode: callingCode, extract: false }));
  }
  if (!/^[1-9]\d{10,14}$/.test(number)) return null;
  return possible(parsePhoneNumber(`+${number}`, { extract: false }));
}

/**
 * A number out of a list that people keep, where those without a country code are numbers of
 * `country`, if one is given.
 */
export function toE164In(country: CountryCode | undefined, text: string): string | null {
  if (country === undefined || text.trim().startsWith('+')) return toE164(text);
  return possible(parsePhoneNumber(text.trim(), { defaultCountry: country, extract: false }));
}

/**
 * Of a call its platform tells both numbers several times, and to read one of the +1 takes 0.1 ms: all of
 * its countries are tried.
 */
function international(number: string): string | null {
  const known = remembered.get(number);
  if (known !== undefined) return known;
  const read = possible(parsePhoneNumber(number, { extract: false }));
  if (number.length > LONGEST_REMEMBERED) return read;
  if (remembered.size >= REMEMBERED) remembered.clear();
  remembered.set(number, read);
  return read;
}

const remembered = new Map<string, string | null>();
const REMEMBERED = 1_000;
const LONGEST_REMEMBERED = 32;

/** The E.164 form of what was read, with whichever of libphonenumber's metadata; `null` as in `toE164`. */
export function possible(number: PhoneNumber | undefined): string | null {
  if (!number?.isPossible() || number.number === KEYPAD_UNAVAILABLE) return null;
  return number.number;
}
