import { randomBytes } from 'node:crypto';

/** A secret of an endpoint: `whsec_` and standard base64 of 32 random bytes (Standard Webhooks). */
export function newSigningSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}
