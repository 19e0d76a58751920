import { bland } from './bland/bland.ts';
import { elevenlabs } from './elevenlabs/elevenlabs.ts';
import { type JsonObject, readAt } from './loose.ts';
import type { Platform, Reading } from './platform.ts';
import { retell } from './retell/retell.ts';
import { providerOf, readSimplified } from './simplified/simplified.ts';
import { vapi } from './vapi/vapi.ts';

/** Vapi's bodies are told by one key alone, so they come last. */
const PLATFORMS: readonly Platform[] = [retell, elevenlabs, bland, vapi];

/** Whose body it is, and how it is read. */
export interface Recognised {
  /** As it stands in `provider`; `null` where nothing tells. */
  platform: string | null;
  simplified: boolean;
  /** @param now When it came, by our clock: it cannot tell of what is far ahead. */
  read(now: number): Reading;
}

/**
 * A body with a `provider` is the simplified shape; others are told by their structure. One of nobody's
 * that we know is read like the simplified shape: glue may leave `provider` out.
 */
export function recognise(body: JsonObject): Recognised {
  const simplified = {
    simplified: true,
    read: (now: number) => readAt(now, () => readSimplified(body)),
  };
  if (typeof body.provider === 'string' && body.provider.trim() !== '') {
    return { platform: providerOf(body), ...simplified };
  }
  const platform = PLATFORMS.find((one) => one.recognises(body));
  if (!platform) return { platform: null, ...simplified };
  return {
    platform: platform.name,
    simplified: false,
    read: (now) => readAt(now, () => platform.read(body)),
  };
}
