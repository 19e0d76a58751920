import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ENCRYPTION_KEY_FILE, encryptionKeys } from './encryption_key.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'callwire-key-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

const nothing = { key: undefined, previous: [] };

test('a key is made once, for its owner only', () => {
  const { current } = encryptionKeys(dataDir, nothing);
  expect(current).toHaveLength(32);
  expect(encryptionKeys(dataDir, nothing).current).toEqual(current);
  expect(statSync(join(dataDir, ENCRYPTION_KEY_FILE)).mode & 0o777).toBe(0o600);
});

test('ENCRYPTION_KEY takes over from the made one, which still opens', () => {
  const made = encryptionKeys(dataDir, nothing).current;
  const [key, previous] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  expect(encryptionKeys(dataDir, { key, previous: [previous] })).toEqual({
    current: key,
    previous: [previous, made],
  });
});

test('with ENCRYPTION_KEY no file is made', () => {
  const key = Buffer.alloc(32, 1);
  expect(encryptionKeys(dataDir, { key, previous: [] })).toEqual({ current: key, previous: [] });
  expect(() => statSync(join(dataDir, ENCRYPTION_KEY_FILE))).toThrow('ENOENT');
});

test('a damaged file is never overwritten', () => {
  writeFileSync(join(dataDir, ENCRYPTION_KEY_FILE), 'half a k');
  expect(() => encryptionKeys(dataDir, nothing)).toThrow(
    expect.objectContaining({ code: 'ENCRYPTION_KEY_UNUSABLE' }),
  );
});
