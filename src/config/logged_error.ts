import { stdSerializers } from 'pino';

/** Below this the net of SECRET_KEYS (log.ts) does not reach. */
const MAX_DEPTH = 2;

/**
 * An error as it stands in a line of the log: its message and stack with those of its causes, and the plain
 * values that hang on it. Whatever else does is left out: libraries hang their whole state on errors, sockets
 * and the key of a model among it.
 */
export function loggedError(error: unknown): unknown {
  const shown: unknown = error instanceof Error ? stdSerializers.err(error) : error;
  const told = plain(shown, MAX_DEPTH);
  return told === undefined ? `[${typeof error}]` : told;
}

/** `undefined` for what is left out. */
function plain(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'function' ? undefined : value;
  }
  if (depth < 0) return undefined;
  if (Array.isArray(value)) return value.map((one) => plain(one, depth - 1));
  return isPlain(value)
    ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one, depth - 1)]))
    : undefined;
}

/** pino's form of an error has a prototype of its own. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || 'raw' in value;
}
