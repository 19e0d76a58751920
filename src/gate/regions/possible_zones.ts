import {
  type CountryCode,
  getCountries,
  getCountryCallingCode,
  type NumberType,
  parsePhoneNumberFromString as parse,
} from 'libphonenumber-js/max';
import table from '../tables/time_zones.json' with { type: 'json' };

/** Where the phone of a number may be. */
export interface PossibleZones {
  /**
   * `region`: the number range is known to lie there; `country`: it may be anywhere in its country,
   * or, where not even that is known, anywhere under its calling code; `nowhere`: a number of no
   * country, such as +800.
   */
  place: 'region' | 'country' | 'nowhere';
  /** IANA names; empty only for `nowhere`. */
  zones: readonly string[];
}

const NOWHERE: PossibleZones = { place: 'nowhere', zones: [] };

const territories: Readonly<Record<string, readonly string[]>> = table.territories;

/** Zones by the leading digits of a range, the calling code included. */
const ranges = new Map(
  Object.entries(table.ranges).flatMap(([zones, digits]) => {
    const list = zones.split(' ');
    return digits.map((leading) => [leading, list] as const);
  }),
);
const LONGEST_RANGE = Math.max(...[...ranges.keys()].map(({ length }) => length));

/** Calling codes whose mobile numbers have area codes, as libphonenumber keeps them. */
const MOBILE_WITH_AREA = new Set(['52', '54', '55', '62', '86']);

/**
 * The time zones that the phone of an E.164 number may be in, by tables that tables/generate.py makes
 * of libphonenumber and the IANA database. A number is taken for one of a region only where it is a
 * valid geographic number of a known range; all others (+1 555…, toll-free, most countries' mobiles)
 * may be anywhere in their country, and a number that libphonenumber cannot place in a country
 * anywhere under its calling code.
 *
 * A person who has moved or travels cannot be found like this, by nobody's table.
 */
export function possibleZones(e164: string): PossibleZones {
  const number = parse(e164, { extract: false });
  if (!number) return NOWHERE;
  const { country, countryCallingCode: code } = number;
  const type = number.getType();
  if (isGeographic(type) || (type === 'MOBILE' && MOBILE_WITH_AREA.has(code))) {
    const zones = zonesOfRange(e164.slice(1));
    if (zones) return { place: 'region', zones };
  }
  // libphonenumber counts +1 800… as the USA's, though all of North America shares it.
  const ownCountry = isGeographic(type) || type === 'MOBILE' ? country : undefined;
  const zones = ownCountry ? territories[ownCountry] : undefined;
  if (zones) return { place: 'country', zones };
  const everywhere = zonesOfCallingCode(code);
  return everywhere.length > 0 ? { place: 'country', zones: everywhere } : NOWHERE;
}

function isGeographic(type: NumberType): boolean {
  return type === 'FIXED_LINE' || type === 'FIXED_LINE_OR_MOBILE';
}

function zonesOfRange(digits: string): readonly string[] | null {
  for (let length = LONGEST_RANGE; length > 0; length--) {
    const zones = ranges.get(digits.slice(0, length));
    if (zones) return zones;
  }
  return null;
}

const byCallingCode = new Map<string, readonly string[]>();

function zonesOfCallingCode(code: string): readonly string[] {
  let zones = byCallingCode.get(code);
  if (!zones) {
    const sharing = getCountries().filter((country) => callingCode(country) === code);
    zones = [...new Set(sharing.flatMap((country) => territories[country] ?? []))];
    byCallingCode.set(code, zones);
  }
  return zones;
}

function callingCode(country: CountryCode): string {
  return getCountryCallingCode(country);
}
