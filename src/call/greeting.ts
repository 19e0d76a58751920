import { firstMessage } from './instructions.ts';
import type { LiveCall } from './live_call.ts';

/**
 * The first words, once the phone can hear them: those of the profile, or whatever the model opens
 * with where the profile has none. `false` when the model did not speak.
 */
export async function greet(call: LiveCall): Promise<boolean> {
  const text = firstMessage(call);
  if (!call.announcer || text === '') return true;
  // One attempt: it takes the plugin 10 s to call it failed, and the caller hears nothing meanwhile.
  const options = { at: 'once', attempts: 1 } as const;
  const spoken =
    text === undefined
      ? await call.announcer.reply(undefined, options)
      : await call.announcer.say(text, options);
  return spoken !== 'unsaid';
}
