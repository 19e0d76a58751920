import { createHash, randomBytes } from 'node:crypto';

/** Which kind of thing an id names; the prefix is part of the contract. */
export type IdPrefix =
  | 'call'
  | 'evt'
  | 'dlv'
  | 'job'
  | 'whe'
  | 'trg'
  | 'con'
  | 'note'
  | 'msg'
  | 'fct'
  | 'key'
  | 'sup';

export type Id<P extends IdPrefix> = `${P}_${string}`;
export type CallId = Id<'call'>;
export type EventId = Id<'evt'>;
export type ContactId = Id<'con'>;

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'; // Crockford base32: no i, l, o, u

/**
 * A new id: 10 characters of the millisecond clock, then 16 random ones, so that ids sort
 * roughly by time and two writers never meet (80 random bits).
 */
export function newId<P extends IdPrefix>(prefix: P, now: number = Date.now()): Id<P> {
  return makeId(prefix, now, someRandom());
}

const RANDOM_BYTES = 16;
const POOL_BYTES = 256 * RANDOM_BYTES;
let pool = Buffer.alloc(0);

/** From a pool, as `randomUUID` does: a call of the generator takes 20 µs, whatever it is asked for. */
function someRandom(): Uint8Array {
  if (pool.length === 0) pool = randomBytes(POOL_BYTES);
  const bytes = pool.subarray(0, RANDOM_BYTES);
  pool = pool.subarray(RANDOM_BYTES);
  return bytes;
}

/**
 * The id that belongs to `seed`: the same time and seed always give the same id, so that whoever
 * writes the same thing again after a crash writes it once.
 */
export function derivedId<P extends IdPrefix>(prefix: P, time: number, seed: string): Id<P> {
  return makeId(prefix, time, createHash('sha256').update(seed).digest().subarray(0, 16));
}

/** Not an id, but what sorts before every id of that time and behind every earlier one. */
export function idFloor(prefix: IdPrefix, time: number): string {
  return makeId(prefix, Math.max(0, time), new Uint8Array());
}

/** The time in an id, milliseconds. */
export function idTime(id: string): number {
  const start = id.indexOf('_') + 1;
  let time = 0;
  for (const digit of id.slice(start, start + 10)) time = time * 32 + ALPHABET.indexOf(digit);
  return time;
}

function makeId<P extends IdPrefix>(prefix: P, now: number, bytes: Uint8Array): Id<P> {
  let time = '';
  let rest = now;
  for (let i = 0; i < 10; i++) {
    time = ALPHABET[rest % 32] + time;
    rest = Math.floor(rest / 32);
  }
  let end = '';
  for (const byte of bytes) end += ALPHABET[byte & 31];
  return `${prefix}_${time}${end}`;
}
