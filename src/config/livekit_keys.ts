import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { makeDataDir } from './data_dir.ts';

const keysSchema = z.object({
  apiKey: z.string().min(1),
  // livekit-server warns below 32 characters.
  apiSecret: z.string().min(32),
});

/** What the local LiveKit and everything that talks to it sign their tokens with. */
export type LivekitKeys = z.infer<typeof keysSchema>;

/**
 * The keys of the local stack: `livekit-keys.json` in DATA_DIR, made by whichever command comes
 * first and read by all others. Synchronous, as it belongs to starting a process.
 * Throws what the file system or the parser says; the message never holds the keys.
 */
export function localLivekitKeys(dataDir: string): LivekitKeys {
  const path = join(dataDir, 'livekit-keys.json');
  return readKeys(path) ?? makeKeys(dataDir, path);
}

function readKeys(path: string): LivekitKeys | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    return keysSchema.parse(JSON.parse(text));
  } catch {
    // Not the cause: a JSON error quotes the text around it.
    throw new Error('livekit-keys.json does not hold a key and a secret');
  }
}

/**
 * A link is what makes this safe when `npm run stack` and `npm run agent dev` start together: it
 * fails where the name exists, and the name never stands for half a file.
 */
function makeKeys(dataDir: string, path: string): LivekitKeys {
  makeDataDir(dataDir);
  const keys: LivekitKeys = {
    apiKey: `API${randomBytes(8).toString('hex')}`,
    apiSecret: randomBytes(32).toString('base64url'),
  };
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  writeFileSync(draft, `${JSON.stringify(keys, null, 2)}\n`, {
    mode: 0o600,
    flag: 'wx',
    flush: true,
  });
  try {
    linkSync(draft, path);
    return keys;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return localLivekitKeys(dataDir);
  } finally {
    unlinkSync(draft);
  }
}
