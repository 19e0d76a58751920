import { CallwireError } from '../errors.ts';

// What inbound and outbound trunks have in common: ours are known by their names, made where they
// are missing, changed in place where they differ.

/** What was wanted is there now. */
export interface Provisioned {
  id: string;
  outcome: 'created' | 'updated' | 'unchanged';
}

export const DEFAULT_NAME = 'callwire';

/** The fields of a message that a command sets; the others stay as they were set elsewhere. */
export function fieldsOf<T, K extends keyof T>(message: T, fields: readonly K[]): Pick<T, K> {
  return Object.fromEntries(fields.map((field) => [field, message[field]])) as Pick<T, K>;
}

/** @throws `SIP_NAME_AMBIGUOUS` */
export function theOnly<T>(
  found: readonly T[],
  what: string,
  idOf: (one: T) => string,
): T | undefined {
  if (found.length <= 1) return found[0];
  throw new CallwireError(
    'SIP_NAME_AMBIGUOUS',
    `${found.length} ${what}: ${found.map(idOf).join(', ')}`,
    { remedy: 'Delete or rename all but one in LiveKit, then run npm run sip:setup again.' },
  );
}
