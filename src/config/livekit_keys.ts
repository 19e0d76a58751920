import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { madeOnce } from './made_once.ts';

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
  const text = madeOnce(join(dataDir, 'livekit-keys.json'), () => {
    const keys: LivekitKeys = {
      apiKey: `API${randomBytes(8).toString('hex')}`,
      apiSecret: randomBytes(32).toString('base64url'),
    };
    return `${JSON.stringify(keys, null, 2)}\n`;
  });
  try {
    return keysSchema.parse(JSON.parse(text));
  } catch {
    // Not the cause: a JSON error quotes the text around it.
    throw new Error('livekit-keys.json does not hold a key and a secret');
  }
}
