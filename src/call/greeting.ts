import { firstMessage } from './instructions.ts';
import type { LiveCall } from './live_call.ts';

/**
 * The first words, once the phone can hear them: those of the profile, or whatever the model opens
 * with where the profile has none. `false` when the model did not speak.
 */
export function greet(call: LiveCall): Promise<boolean> {
  const text = firstMessage(call);
  if (!call.announcer || text === '') return Promise.resolve(true);
  // One attempt: it takes the plugin 10 s to call it failed, and the caller hears nothing meanwhile.
  if (text === undefined) return call.announcer.reply(undefined, { at: 'once', attempts: 1 });
  return call.announcer.say(text, { at: 'once', attempts: 1 });
}
