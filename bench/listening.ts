import type { Call } from '../sim/phone/call.ts';
import { END_HZ, MARKER_MS } from '../sim/realtime/voice.ts';

/** For anything the phone waits for. */
export const DEADLINE_MS = 20_000;

/**
 * Waits for the end mark of an utterance that ends later than `after`, and returns a time behind
 * the mark: the next utterance may follow at once.
 */
export async function endOfUtterance(call: Call, after: number): Promise<number> {
  const { at } = await call.heard.waitForTone(END_HZ, { after, deadlineMs: DEADLINE_MS });
  return at + MARKER_MS;
}

/** Nobody begins to speak into the other's last word. */
export async function quiet(call: Call): Promise<void> {
  await call.heard.waitForSilence({ forMs: 300, deadlineMs: DEADLINE_MS });
}
