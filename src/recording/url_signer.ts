import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { EncryptionKeys } from '../config/secret_box.ts';

/** Signs the URLs of recordings that this installation serves itself. */
export interface UrlSigner {
  /** Hex. @param expiresAt Seconds since the epoch. */
  sign(callId: string, expiresAt: number): string;
  /** Takes as long for a wrong signature as for a right one; judges no time. */
  isRight(callId: string, expiresAt: number, signature: string): boolean;
}

const KEY_BYTES = 32;
const HEX_SHA256 = /^[0-9a-f]{64}$/;

/**
 * HMAC-SHA256 with a key that is derived from the encryption key, so that neither gives the other
 * away. What a previous key has signed is good to its end: a new key must not break URLs that were
 * just given out.
 */
export function createUrlSigner({ current, previous }: EncryptionKeys): UrlSigner {
  const [signing, ...others] = [current, ...previous].map((key) =>
    Buffer.from(hkdfSync('sha256', key, '', 'callwire recording url', KEY_BYTES)),
  ) as [Buffer, ...Buffer[]];
  return {
    sign: (callId, expiresAt) => hmac(signing, callId, expiresAt).toString('hex'),
    isRight(callId, expiresAt, signature) {
      // Buffer.from stops at the first character that is not hex, and would let what follows pass.
      const given = Buffer.from(HEX_SHA256.test(signature) ? signature : '', 'hex');
      return [signing, ...others].some((key) => {
        const right = hmac(key, callId, expiresAt);
        return given.length === right.length && timingSafeEqual(given, right);
      });
    },
  };
}

function hmac(key: Buffer, callId: string, expiresAt: number): Buffer {
  return createHmac('sha256', key).update(`${callId}\n${expiresAt}`).digest();
}
