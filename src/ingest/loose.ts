import { z } from 'zod';
import { toE164 } from '../config/phone_number.ts';
import { LONGEST_MS } from '../events/reported_call.ts';

/*
 * The pieces that bodies of others are read with. Whoever sends them changes them without asking: a
 * field of another type than documented is taken for missing, and never costs us the rest.
 */

const MAX_TEXT = 256;
const EARLIEST_MS = Date.UTC(2000, 0, 1);
/** What is told has happened, but no two clocks agree, and some know no time zone. */
const AHEAD_MS = 24 * 3_600_000;
let latestMs = Number.POSITIVE_INFINITY;

/**
 * Reads a body that came at `now`, by our clock: a time of the future counts as missing in it. The pieces
 * are made once, and zod hands nothing to them but their field, so what they all have to know stands here
 * for as long as they read.
 */
export function readAt<T>(now: number, read: () => T): T {
  latestMs = now + AHEAD_MS;
  try {
    return read();
  } finally {
    latestMs = Number.POSITIVE_INFINITY;
  }
}

/** A field that may be missing or anything; `read` makes the best of it. */
function loose<T>(read: (value: unknown) => T) {
  // One step and no pipe: a body has a hundred fields, and all of a webhook took a third more memory.
  return z.transform(read);
}

/** Text or a number, on at most 256 characters; an empty one counts as missing. */
export const text = loose((value) => readText(value, MAX_TEXT));

/**
 * The id of a call, as long as it is; spaces around it do not count. A whole number that is too large for
 * JSON to carry is missing, for it has been rounded to that of another call.
 */
export const id = loose((value) => {
  if (typeof value === 'string') return value.trim() || undefined;
  const isRounded = Number.isInteger(value) && !Number.isSafeInteger(value);
  return isRounded ? undefined : readText(value, MAX_TEXT);
});

/** Text as long as it is. */
export const longText = loose((value) => readText(value, Number.POSITIVE_INFINITY));

/** E.164 where it can be a number, else as it was written; withheld ones are missing. */
export const phone = loose((value) => {
  const written = readText(value, MAX_TEXT);
  return written === undefined || isWithheld(written) ? undefined : e164(written);
});

/** What stands for the number of somebody who does not show it. */
export function isWithheld(value: unknown): boolean {
  return (
    typeof value === 'string' && /^(anonymous|unknown|restricted|unavailable)$/i.test(value.trim())
  );
}

/** A call's webhooks repeat its two numbers, and to parse one takes 0.2 ms. */
const KNOWN_NUMBERS = 2_000;
const known = new Map<string, string>();

function e164(written: string): string {
  let number = known.get(written);
  if (number === undefined) {
    number = toE164(written) ?? written;
    if (known.size >= KNOWN_NUMBERS) known.clear();
    known.set(written, number);
  }
  return number;
}

/** More than any call costs, in dollars or cents. */
const MAX_AMOUNT = 1_000_000;

/** Money. */
export const amount = loose((value) => readNumber(value, MAX_AMOUNT));

/** How long something took, in milliseconds, from the unit that the platform tells it in. */
export const lengthInMs = loose((value) => readLength(value, 1));
export const lengthInSeconds = loose((value) => readLength(value, 1_000));
export const lengthInMinutes = loose((value) => readLength(value, 60_000));

export const flag = loose((value) => (typeof value === 'boolean' ? value : undefined));

/** Milliseconds, from milliseconds or ISO 8601. */
export const timeInMs = loose((value) => readTime(value, 1));

/** Milliseconds, from seconds or ISO 8601. */
export const timeInSeconds = loose((value) => readTime(value, 1_000));

/** An http(s) URL; name and password in it are dropped. */
export const url = loose((value) => {
  if (typeof value !== 'string' || value.length > 4_096) return undefined;
  const parsed = URL.parse(value);
  if (!parsed || !/^https?:$/.test(parsed.protocol)) return undefined;
  if (parsed.username === '' && parsed.password === '') return value;
  parsed.username = '';
  parsed.password = '';
  return parsed.href;
});

/** An object of whatever shape. */
export const anyObject = loose((value) => (isObject(value) ? value : undefined));

/** A list, read item by item; items of another shape are left out. */
export function listOf<T>(item: z.ZodType<T>) {
  return loose((value): T[] =>
    Array.isArray(value)
      ? value.flatMap((one) => {
          const read = item.safeParse(one);
          return read.success ? [read.data] : [];
        })
      : [],
  );
}

/** A part of a body, all of whose fields may be missing. */
export function part<S extends z.ZodRawShape>(shape: S) {
  const schema = z.object(shape);
  const nothing = Object.freeze(schema.parse({}));
  return loose((value) => (isObject(value) ? schema.parse(value) : nothing));
}

export type JsonObject = Record<string, unknown>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readText(value: unknown, max: number): string | undefined {
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  if (typeof value !== 'string') return undefined;
  const clean = storable(value.trim().slice(0, max));
  return clean === '' ? undefined : clean;
}

/** Between 0 and `max`, also written as text; what is beyond is a mistake of the sender's. */
function readNumber(value: unknown, max: number): number | undefined {
  const given = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof given === 'number' && given >= 0 && given <= max ? given : undefined;
}

function readLength(value: unknown, unitInMs: number): number | undefined {
  const given = readNumber(value, LONGEST_MS / unitInMs);
  return given === undefined ? undefined : Math.round(given * unitInMs);
}

/** Clocks of one platform differ by as much. */
const CLOCKS_MS = 60_000;

/** How long it is from one time to the other, where both are told and neither is a mistake. */
export function lengthBetween(from: number | undefined, to: number | undefined) {
  if (from === undefined || to === undefined) return undefined;
  const ms = to - from;
  return ms < -CLOCKS_MS || ms > LONGEST_MS ? undefined : Math.max(0, ms);
}

/** A number that would be centuries off in the documented unit is of the other one. */
function readTime(value: unknown, unitInMs: 1 | 1_000): number | undefined {
  const given = typeof value === 'string' && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value;
  const candidates =
    typeof given === 'number'
      ? [given * unitInMs, unitInMs === 1 ? given * 1_000 : given]
      : // Without a year in it, "-5" were a day in 2001.
        [typeof given === 'string' && /\d{4}/.test(given) ? Date.parse(given) : Number.NaN];
  const time = candidates.find((ms) => ms >= EARLIEST_MS && ms <= latestMs);
  return time === undefined ? undefined : Math.round(time);
}

/** Without what no database takes: NUL, and halves of surrogate pairs. */
export function storable(value: string): string {
  return value.replaceAll('\0', '').toWellFormed();
}
