import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { CallwireError } from '../errors.ts';

export const ENCRYPTION_KEY_BYTES = 32;

export interface EncryptionKeys {
  /** 32 bytes; everything new is sealed with it. */
  current: Buffer;
  /** Only open what was sealed with them. */
  previous: readonly Buffer[];
}

/** Keeps secrets out of the database's file, its backups and whatever reads them. */
export interface SecretBox {
  /** Never the same text twice. */
  seal(text: string): string;
  /** @throws `SECRET_UNREADABLE` for a text of an unknown key, or one that was changed. */
  open(sealed: string): string;
  /** `false`: sealed with a previous key, or not by this box at all. */
  isCurrent(sealed: string): boolean;
}

const CIPHER = 'aes-256-gcm';
/** What GCM is made for; random ones are safe for 2^32 texts of one key (NIST SP 800-38D, 8.3). */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const FORMAT = 'v1';

/**
 * AES-256-GCM. A sealed text is `v1.<key id>.<base64url of nonce, ciphertext and tag>`; the key id
 * says which key opens it without trying them all, and tells nothing of the key.
 */
export function createSecretBox({ current, previous }: EncryptionKeys): SecretBox {
  const currentId = keyId(current);
  const keys = new Map([current, ...previous].map((key) => [keyId(key), key]));
  return {
    seal(text) {
      const nonce = randomBytes(NONCE_BYTES);
      const head = `${FORMAT}.${currentId}`;
      const cipher = createCipheriv(CIPHER, current, nonce).setAAD(Buffer.from(head));
      const bytes = [nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()];
      return `${head}.${Buffer.concat(bytes).toString('base64url')}`;
    },

    open(sealed) {
      const [format, id = '', payload = ''] = sealed.split('.');
      const key = format === FORMAT ? keys.get(id) : undefined;
      if (!key) throw unreadable();
      const bytes = Buffer.from(payload, 'base64url');
      if (bytes.length < NONCE_BYTES + TAG_BYTES) throw unreadable();
      const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES))
        .setAAD(Buffer.from(`${format}.${id}`))
        .setAuthTag(bytes.subarray(-TAG_BYTES));
      try {
        const text = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
        return Buffer.concat([text, decipher.final()]).toString('utf8');
      } catch {
        throw unreadable();
      }
    },

    isCurrent: (sealed) => sealed.startsWith(`${FORMAT}.${currentId}.`),
  };
}

function keyId(key: Buffer): string {
  if (key.length !== ENCRYPTION_KEY_BYTES) {
    throw new CallwireError('ENCRYPTION_KEY_INVALID', 'An encryption key is not 32 bytes long.');
  }
  return createHash('sha256').update('callwire key id').update(key).digest('hex').slice(0, 16);
}

function unreadable(): CallwireError {
  return new CallwireError('SECRET_UNREADABLE', 'A stored secret cannot be decrypted.', {
    remedy:
      'It was sealed with another key: put that one into ENCRYPTION_KEY_PREVIOUS. Without it, ' +
      'rotate the secret of the endpoint.',
  });
}
