import { disclosure } from './instructions.ts';
import { lastWordsHeard } from './last_words.ts';
import type { LiveCall } from './live_call.ts';

/** Twice a long disclosure, and the wait for the model. */
const DISCLOSURE_LIMIT_MS = 30_000;

/**
 * Says the profile's disclosure before anything else, and whole: the model would fall silent in the
 * middle of it when the other party says hello, so it does not listen meanwhile, or only listens as it
 * is. `true` when it has been heard to its end, or the profile has none. `stop`: it need not be.
 */
export async function disclose(call: LiveCall, stop?: AbortSignal): Promise<boolean> {
  const text = disclosure(call);
  const { announcer, session, ending, journal, log } = call;
  if (!text || !announcer) return true;
  const deaf = call.model?.listensOnly !== true;
  if (deaf) session?.input.setAudioEnabled(false);
  const spoken = await announcer
    .say(text, { at: 'once', deadlineMs: DISCLOSURE_LIMIT_MS })
    .finally(() => deaf && !call.leaving && session?.input.setAudioEnabled(true));
  if (ending.signal.aborted || stop?.aborted) return false;
  if (spoken === 'played') {
    // Said is not heard: what is recorded begins behind its last sound at the phone.
    if (call.profile?.recording?.afterDisclosure) await lastWordsHeard(call);
    return !ending.signal.aborted;
  }
  log.error({ spoken }, 'the disclosure was not said');
  journal.error('disclosure_unsaid', 'the disclosure was not said').catch(() => undefined);
  return false;
}
