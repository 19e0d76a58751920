import { describe, expect, it } from 'vitest';
import { createUrlSigner } from './url_signer.ts';

const key = (value: number) => Buffer.alloc(32, value);

describe('a signed URL', () => {
  const signer = createUrlSigner({ current: key(1), previous: [] });

  it('is good for one recording and one time', () => {
    const signature = signer.sign('call_1', 1_000);
    expect(signature).toMatch(/^[0-9a-f]{64}$/);
    expect(signer.isRight('call_1', 1_000, signature)).toBe(true);
    expect(signer.isRight('call_2', 1_000, signature)).toBe(false);
    expect(signer.isRight('call_1', 1_001, signature)).toBe(false);
    // What decodes to the same bytes is not the same: a signature has one form.
    const others = [`${signature}00`, `${signature}x`, `${signature}zz`, signature.toUpperCase()];
    for (const wrong of ['', 'x', signature.slice(2), flipped(signature), ...others]) {
      expect(signer.isRight('call_1', 1_000, wrong)).toBe(false);
    }
  });

  it('outlives a change of the key', () => {
    const after = createUrlSigner({ current: key(2), previous: [key(1)] });
    expect(after.isRight('call_1', 1_000, signer.sign('call_1', 1_000))).toBe(true);
    expect(after.sign('call_1', 1_000)).not.toBe(signer.sign('call_1', 1_000));
    expect(signer.isRight('call_1', 1_000, after.sign('call_1', 1_000))).toBe(false);
  });
});

/** Another first digit. */
function flipped(hex: string): string {
  return (Number.parseInt(hex.slice(0, 1), 16) ^ 1).toString(16) + hex.slice(1);
}
