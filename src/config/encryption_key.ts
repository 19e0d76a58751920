import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { CallwireError } from '../errors.ts';
import { madeOnce, readIfThere } from './made_once.ts';
import { ENCRYPTION_KEY_BYTES, type EncryptionKeys } from './secret_box.ts';

/** In DATA_DIR; base64 in one line. */
export const ENCRYPTION_KEY_FILE = 'encryption-key';

/** 32 bytes written as base64, base64url or hex; `null` for anything else. */
export function parseEncryptionKey(text: string): Buffer | null {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
  // Node's decoder skips what it does not know, so the form is checked first.
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return null;
  const key = Buffer.from(text, 'base64');
  return key.length === ENCRYPTION_KEY_BYTES ? key : null;
}

/**
 * What endpoints' secrets are sealed with: ENCRYPTION_KEY, else a key made once in DATA_DIR. Once
 * ENCRYPTION_KEY is set, the made key counts as a previous one, so that nothing has to be moved by
 * hand.
 *
 * @throws `ENCRYPTION_KEY_UNUSABLE` where the file is damaged, or can neither be read nor made.
 */
export function encryptionKeys(
  dataDir: string,
  configured: { key: Buffer | undefined; previous: readonly Buffer[] },
): EncryptionKeys {
  const path = join(dataDir, ENCRYPTION_KEY_FILE);
  try {
    if (configured.key) {
      const made = readIfThere(path);
      const previous = made === null ? [] : [parseMade(made)];
      return { current: configured.key, previous: [...configured.previous, ...previous] };
    }
    const made = madeOnce(path, () => `${randomBytes(ENCRYPTION_KEY_BYTES).toString('base64')}\n`);
    return { current: parseMade(made), previous: configured.previous };
  } catch (cause) {
    throw new CallwireError(
      'ENCRYPTION_KEY_UNUSABLE',
      `The key that seals the endpoints' secrets (${ENCRYPTION_KEY_FILE} in DATA_DIR) cannot be used.`,
      {
        remedy:
          'Make DATA_DIR a folder that this user may write to. If the file is damaged, put it back ' +
          'from a backup; without one, remove it and rotate the secrets of all endpoints.',
        cause,
      },
    );
  }
}

function parseMade(text: string): Buffer {
  const key = parseEncryptionKey(text.trim());
  // Not a CallwireError: it is the cause of one.
  if (!key) throw new Error('the file does not hold 32 bytes in base64');
  return key;
}
