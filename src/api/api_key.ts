import { createHash, randomBytes } from 'node:crypto';
import { newId } from '../ids.ts';
import type { ApiKeyRecord, ApiScope } from '../store/endpoint_store.ts';

export const API_SCOPES = [
  'calls:write',
  'calls:read',
  'webhooks',
  'ingest',
  'admin',
] as const satisfies readonly ApiScope[];

/** Lets secret scanners and people tell what it is. */
const PREFIX = 'cwk_';
const KEY = /^cwk_[A-Za-z0-9_-]{43}$/;

/** A new key. The text is in no record: whoever asked for it sees it once. */
export function newApiKey(options: { name: string; scopes: readonly ApiScope[] }): {
  key: string;
  record: ApiKeyRecord;
} {
  const key = `${PREFIX}${randomBytes(32).toString('base64url')}`;
  const { name, scopes } = options;
  const createdAt = Date.now();
  const id = newId('key', createdAt);
  return { key, record: { id, name, hash: hashApiKey(key), scopes, createdAt, revokedAt: null } };
}

/** Hex SHA-256. */
export function hashApiKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/** Whether it is worth asking the store: whoever guesses does not get that far. */
export function looksLikeApiKey(text: string): boolean {
  return KEY.test(text);
}
