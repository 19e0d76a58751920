import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { type CallingWindow, parseCallingWindow } from './calling_window.ts';
import { parseDuration } from './duration.ts';
import { parseEncryptionKey } from './encryption_key.ts';
import { toE164 } from './phone_number.ts';

// What a setting's text is turned into. A message completes the sentence "NAME …", says what to
// write instead, and never repeats the value: it may be a secret, or somebody's number.

type Reading<T> = { value: T } | { problem: string };

function reading<T>(read: (text: string) => Reading<T>): z.ZodType<T, string> {
  return z.string().transform((text, context) => {
    const result = read(text);
    if ('value' in result) return result.value;
    context.addIssue({ code: 'custom', message: result.problem });
    return z.NEVER;
  });
}

export const text = z.string();

export function oneOf<const T extends readonly [string, ...string[]]>(
  words: T,
  { notBuiltYet = [] }: { notBuiltYet?: readonly string[] } = {},
): z.ZodType<T[number], string> {
  return reading<T[number]>((word) => {
    if (words.includes(word)) return { value: word as T[number] };
    const choice = `write ${words.join(', ')}`;
    if (notBuiltYet.includes(word))
      return { problem: `names ${word}, which is not built yet: ${choice}` };
    return { problem: `is none of the possible values: ${choice}` };
  });
}

/** `on` and `off`, and the other words that people write for them. */
export const flag: z.ZodType<boolean, string> = reading((word) => {
  if (['on', 'true', 'yes', '1'].includes(word.toLowerCase())) return { value: true };
  if (['off', 'false', 'no', '0'].includes(word.toLowerCase())) return { value: false };
  return { problem: 'is none of the possible values: write on, off' };
});

/** Digits only: `Number` would take "0x10", "1e3" and " " as well. */
export function number(
  min: number,
  max: number,
  { whole = true }: { whole?: boolean } = {},
): z.ZodType<number, string> {
  return reading((digits) => {
    const value = (whole ? /^\d{1,12}$/ : /^\d{1,12}(\.\d{1,6})?$/).test(digits)
      ? Number(digits)
      : Number.NaN;
    if (value >= min && value <= max) return { value };
    return { problem: `must be a ${whole ? 'whole ' : ''}number from ${min} to ${max}` };
  });
}

export const port = number(1, 65_535);

/**
 * An absolute URL of one of these schemes. Credentials inside are refused, because URLs appear in
 * logs, unless the setting itself is a secret (`credentials`). A `base` gets paths put behind it: no
 * query, and slashes at its end are dropped.
 */
export function url(
  schemes: readonly string[],
  { base = false, credentials = false }: { base?: boolean; credentials?: boolean } = {},
): z.ZodType<string, string> {
  return reading((address) => {
    const parsed = URL.parse(address);
    if (!parsed || !schemes.includes(parsed.protocol.slice(0, -1)) || !parsed.hostname) {
      return {
        problem: `must be a whole URL beginning with ${schemes.map((s) => `${s}://`).join(' or ')}`,
      };
    }
    if (!credentials && (parsed.username || parsed.password)) {
      return { problem: 'must not hold a user name or password: URLs appear in logs' };
    }
    if (parsed.hash || (base && parsed.search)) {
      return { problem: `must end with its path, without ${parsed.hash ? '#' : '?'}` };
    }
    return { value: base ? address.replace(/\/+$/, '') : address };
  });
}

/**
 * A signing secret: its own characters are the key. `whsec_` announces a Standard Webhooks secret,
 * and half of one would sign with a key that no receiver has.
 */
export const signingSecret = reading((secret) => {
  if (!secret.startsWith('whsec_')) return { value: secret };
  const encoded = secret.slice('whsec_'.length);
  const bytes = Buffer.from(encoded, 'base64');
  // Node's decoder forgives anything, so only what encodes back to the same text is base64.
  if (bytes.length >= 24 && bytes.toString('base64') === encoded) return { value: secret };
  return {
    problem:
      'begins with whsec_ and must go on with standard base64 of at least 24 bytes: ' +
      'take the whole secret, or one without that beginning',
  };
});

/** Where a SIP trunk is: what stands behind `sip:` in its URI. */
export interface SipAddress {
  /** A host name or an IP address, with `:port` where it is not the usual one. */
  address: string;
  /** `auto` is livekit-sip's own choice, UDP. */
  transport: 'auto' | 'udp' | 'tcp' | 'tls';
}

export const sipAddress = reading<SipAddress>((text) => {
  const [address = '', ...parameters] = text.replace(/^sip:/i, '').split(';');
  const transport = /^transport=(udp|tcp|tls)$/i.exec(parameters[0] ?? '')?.[1]?.toLowerCase();
  const understood = parameters.length === 0 || (parameters.length === 1 && transport);
  if (understood && isHostAndPort(address)) {
    return { value: { address, transport: (transport ?? 'auto') as SipAddress['transport'] } };
  }
  return {
    problem:
      'must be a host or IP address, with :port and ;transport=udp, tcp or tls where they are ' +
      'needed, such as sip.example.com:5061;transport=tls',
  };
});

function isHostAndPort(text: string): boolean {
  const parts = /^(\[[\da-f:.]+\]|[a-z\d](?:[a-z\d.-]*[a-z\d])?)(?::(\d{1,5}))?$/i.exec(text);
  if (!parts) return false;
  const [, host = '', number] = parts;
  if (number !== undefined && !port.safeParse(number).success) return false;
  return !host.startsWith('[') || ipaddr.IPv6.isValid(host.slice(1, -1));
}

/** A comma-separated list; empty entries are left out. */
function list<T>(read: (entry: string) => T | null, problem: string): z.ZodType<T[], string> {
  return reading((entries) => {
    const values: T[] = [];
    for (const [index, entry] of entries.split(',').entries()) {
      if (!entry.trim()) continue;
      const value = read(entry.trim());
      if (value === null) return { problem: `entry ${index + 1}: ${problem}` };
      values.push(value);
    }
    return { value: values };
  });
}

const NUMBER_PROBLEM = 'must be a phone number with its country code, such as +15550100000';

export const phoneNumbers = list(toE164, NUMBER_PROBLEM);

export const phoneNumber = reading<string>((text) => {
  const number = toE164(text);
  return number === null ? { problem: NUMBER_PROBLEM } : { value: number };
});

export const addresses = list(
  (entry) => (isAddress(entry) ? entry : null),
  'must be an IP address or a network such as 203.0.113.0/24',
);

function isAddress(entry: string): boolean {
  // Four decimal parts only: ipaddr.js alone would read "10" as 0.0.0.10.
  return (
    ipaddr.IPv4.isValidFourPartDecimal(entry) ||
    ipaddr.IPv6.isValid(entry) ||
    ipaddr.IPv4.isValidCIDRFourPartDecimal(entry) ||
    ipaddr.IPv6.isValidCIDR(entry)
  );
}

/** Milliseconds. */
export function duration({ minMs, maxMs }: { minMs: number; maxMs: number }) {
  return reading<number>((text) => {
    const ms = parseDuration(text);
    if (ms !== null && ms >= minMs && ms <= maxMs) return { value: ms };
    const days = Math.floor(maxMs / 86_400_000);
    return {
      problem: `must be a time from ${minMs / 1_000}s to ${days}d, such as 90m, 12h or 5d`,
    };
  });
}

const KEY_PROBLEM =
  'must be 32 bytes in base64 or hex: make it with openssl rand -base64 32 and take all of it';

export const encryptionKey = reading<Buffer>((text) => {
  const key = parseEncryptionKey(text);
  return key ? { value: key } : { problem: KEY_PROBLEM };
});

export const encryptionKeys = list(parseEncryptionKey, KEY_PROBLEM);

const MAX_RETRY_WAIT_MS = 30 * 86_400_000;

export const retrySchedule = list((entry) => {
  const ms = parseDuration(entry);
  return ms !== null && ms > 0 && ms <= MAX_RETRY_WAIT_MS ? ms : null;
}, 'must be a wait of up to 30d, such as 10s, 2m or 5h');

/** Hours of the day; `null` for `off`, any hour. */
export const callingWindow = reading<CallingWindow | null>((text) => {
  if (text.toLowerCase() === 'off') return { value: null };
  const window = parseCallingWindow(text);
  if (window) return { value: window };
  return {
    problem: 'must be off or two different times of the day from 00:00 to 24:00: 08:00-21:00',
  };
});

/** Two ports as `from-to`. */
export const portPair = reading((pair) => {
  const [from, to] = pair.split('-').map((part) => port.safeParse(part.trim()));
  if (from?.success && to?.success && pair.split('-').length === 2) {
    return { value: { from: from.data, to: to.data } };
  }
  return { problem: 'must be two ports with a hyphen between them, such as 7881-7882' };
});

/** Where recordings are kept. */
export type RecordingsPlace =
  /** `path` as written. */
  | { kind: 'folder'; path: string }
  /** `prefix` without slashes at its ends; may be empty. */
  | { kind: 's3'; bucket: string; prefix: string };

/** A name of S3's own rules, so that it can stand in a host name. */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

export const recordingsPlace = reading<RecordingsPlace>((place) => {
  const scheme = /^([a-z][a-z\d+.-]*):\/\//i.exec(place)?.[1]?.toLowerCase();
  if (scheme === undefined) return { value: { kind: 'folder', path: place } };
  const [bucket = '', ...prefix] = place.slice('s3://'.length).split('/');
  if (scheme !== 's3' || !BUCKET.test(bucket) || /[?#]/.test(place)) {
    return { problem: 'must be a folder, or a bucket such as s3://my-bucket/callwire' };
  }
  return { value: { kind: 's3', bucket, prefix: prefix.filter(Boolean).join('/') } };
});
