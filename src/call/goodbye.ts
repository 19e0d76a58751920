import type { LiveCall } from './live_call.ts';

/** How long a goodbye may take before the line is cut all the same. */
const GOODBYE_LIMIT_MS = 8_000;

/**
 * Says goodbye to a caller who seems to have nothing more to say. Whoever speaks into it ("wait, one
 * more thing") is heard: resolves with `goes_on` then, and the conversation does; with `said`, or
 * where the model has no words for it, the caller may be hung up on.
 */
export async function offerGoodbye(call: LiveCall, why = ''): Promise<'said' | 'goes_on'> {
  // Begun between the model's last word and this: there will be no other sign of it.
  if (call.session?.userState === 'speaking') return 'goes_on';
  return (await sayGoodbye(call, why)) === 'cut_off' ? 'goes_on' : 'said';
}

/**
 * Says goodbye in a call that must end whatever its caller says, and listens no more: the model
 * would fall silent in the middle of it.
 */
export async function lastGoodbye(call: LiveCall, why: string): Promise<void> {
  call.leaving = true;
  call.session?.input.setAudioEnabled(false);
  await sayGoodbye(call, why);
}

/** Interrupts whatever is being said: nothing else comes behind it. */
async function sayGoodbye(call: LiveCall, why: string) {
  if (call.ending.signal.aborted) return 'unsaid';
  return await call.announcer?.reply(`${why} Say goodbye in one short sentence.`.trim(), {
    at: 'once',
    deadlineMs: GOODBYE_LIMIT_MS,
    attempts: 1,
    interrupt: true,
  });
}
