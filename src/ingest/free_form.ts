import { isObject, type JsonObject, storable } from './loose.ts';

/*
 * What of a body is kept without our knowing its shape: metadata, an analysis, an event that we do not
 * know. Everything else is read field by field, and what is not read is not kept.
 */

/** Names of fields that hold a credential, or lead to one. */
const CREDENTIAL =
  /token|secret|passw|api[-_ ]?key|auth(?!ors?$|or[-_]|ored)|credential|private[-_ ]?key|signature|cookie|bearer|account[-_ ]?sid|headers?$|^server$|access[-_ ]?key|controlurl|listenurl/i;

/** Deeper ones are dropped. */
const MAX_DEPTH = 8;
/** Shorter ones are words: a flag, a kind of login. */
const MIN_LENGTH = 6;
/** Of what only stands inside of something secret, such as the headers of a request. */
const MIN_LENGTH_INSIDE = 16;

const DANGEROUS_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** The credentials in a body, by the names of their fields, so that they can be found elsewhere too. */
export function credentialsIn(body: unknown): string[] {
  const found = new Set<string>();
  const waiting: { value: unknown; secret: 'no' | 'named' | 'inside' }[] = [
    { value: body, secret: 'no' },
  ];
  // Not recursive: whoever sends it chooses the depth.
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { value, secret } = next;
    if (typeof value === 'string') {
      if (isCredential(value, secret)) found.add(value);
      continue;
    }
    if (typeof value !== 'object' || value === null) continue;
    const around = secret === 'no' ? 'no' : 'inside';
    for (const [key, one] of Object.entries(value)) {
      const named = !Array.isArray(value) && CREDENTIAL.test(key);
      if (named || around !== 'no' || typeof one === 'object') {
        waiting.push({ value: one, secret: named ? 'named' : around });
      }
    }
  }
  return [...found];
}

function isCredential(value: string, secret: 'no' | 'named' | 'inside'): boolean {
  if (secret === 'named') return value.length >= MIN_LENGTH;
  return secret === 'inside' && value.length >= MIN_LENGTH_INSIDE && !/\s|^https?:/.test(value);
}

/**
 * An object to be kept: without credentials, by name and by value, and not larger than `maxBytes`; the
 * largest fields go first. `undefined` where nothing is left.
 */
export function kept(
  value: unknown,
  options: { maxBytes: number; credentials: readonly string[] },
): JsonObject | undefined {
  if (!isObject(value)) return undefined;
  const clean = cleaned(value, options.credentials, MAX_DEPTH) as JsonObject;
  const sizes = Object.entries(clean).map(([key, one]) => ({
    key,
    bytes: Buffer.byteLength(JSON.stringify([key, one])),
  }));
  let left = sizes.reduce((sum, { bytes }) => sum + bytes, 2);
  for (const { key, bytes } of sizes.sort((a, b) => b.bytes - a.bytes)) {
    if (left <= options.maxBytes) break;
    delete clean[key];
    left -= bytes;
  }
  return Object.keys(clean).length > 0 ? clean : undefined;
}

/** `text` without the credentials that stand in it. */
export function withoutCredentials(text: string, credentials: readonly string[]): string {
  return credentials.reduce((left, one) => left.replaceAll(one, '[removed]'), text);
}

function cleaned(value: unknown, credentials: readonly string[], depth: number): unknown {
  if (typeof value === 'string') return withoutCredentials(storable(value), credentials);
  if (typeof value !== 'object' || value === null) return value;
  if (depth === 0) return undefined;
  if (Array.isArray(value)) {
    return value
      .map((one) => cleaned(one, credentials, depth - 1))
      .filter((one) => one !== undefined);
  }
  const fields: JsonObject = {};
  for (const [key, one] of Object.entries(value)) {
    if (DANGEROUS_KEYS.has(key) || CREDENTIAL.test(key)) continue;
    const field = cleaned(one, credentials, depth - 1);
    if (field !== undefined) fields[withoutCredentials(storable(key), credentials)] = field;
  }
  return fields;
}
