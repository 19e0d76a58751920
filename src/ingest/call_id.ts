import { createHash } from 'node:crypto';
import { withoutCredentials } from './free_form.ts';

/*
 * A platform's id of a call is all that tells its webhooks from those of another call: it is never changed
 * in a way that could make one id of two.
 */

/** As long as the ledger keeps one. */
const LONGEST = 256;

/** Why no call can be known by this id, for whoever sent it; `null` where one can. */
export function faultOfCallId(id: string): string | null {
  // No database takes NUL or half a surrogate pair; without them it would be the id of another call.
  if (!/\p{Cc}/u.test(id) && id.isWellFormed()) return null;
  return 'Invalid field: callId has a control character or half a character in it; send it without';
}

/**
 * The id as it is kept. What is too long, or has a credential in it, cannot be kept whole: it ends in its
 * own hash, for the beginning alone may be that of many.
 */
export function keptCallId(id: string, credentials: readonly string[]): string {
  const clean = withoutCredentials(id, credentials);
  if (clean === id && id.length <= LONGEST) return id;
  const end = `~${createHash('sha256').update(id).digest('hex')}`;
  return `${clean.slice(0, LONGEST - end.length).toWellFormed()}${end}`;
}
