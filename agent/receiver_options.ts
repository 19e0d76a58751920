import { CallwireError } from '../src/errors.ts';
import { decodeSecret } from '../src/events/signatures.ts';

/*
 * Read in the action and not by commander, whose messages repeat what was typed: a URL may hold a
 * password, and a secret is one.
 */

/** Where a receiver listens. */
export function receiverUrl(text: string): URL {
  const url = URL.parse(text);
  const problem =
    url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')
      ? 'is no whole http or https URL'
      : url.username || url.password
        ? 'holds a user name or password, which no delivery sends'
        : url.hash
          ? 'holds a #, which is never sent'
          : null;
  if (url !== null && problem === null) return url;
  throw new CallwireError('RECEIVER_URL_INVALID', `The URL of the receiver ${problem}.`, {
    remedy: 'Use one such as http://localhost:3000/callwire.',
  });
}

/** A secret that can sign; throws `SIGNATURE_SECRET_INVALID`. */
export function usableSecret(secret: string): string {
  decodeSecret(secret);
  if (secret !== '') return secret;
  throw new CallwireError('SIGNATURE_SECRET_INVALID', 'The signing secret is empty.', {
    remedy: 'Give --secret a text, or set WEBHOOK_SECRET.',
  });
}
