import { findOnPath } from '../../stack/path_lookup.ts';
import { espeakVoice } from '../realtime/espeak_voice.ts';
import { PCM_RATE } from '../realtime/pcm.ts';
import { babble } from './speech.ts';
import { PHONE_RATE, resample } from './wav.ts';

/** What a person at the phone says, as 8 kHz samples. */
export type PhoneVoice = (text: string, signal: AbortSignal) => Promise<Int16Array>;

/** As long as a person would need for it. */
const BABBLE_MS_PER_CHARACTER = 55;

export function canSpeak(): boolean {
  return findOnPath('espeak-ng') !== undefined;
}

/** English where espeak-ng is installed, else sounds like speech that say nothing. */
export function phoneVoice(): PhoneVoice {
  if (!canSpeak()) return (text) => Promise.resolve(babble(text.length * BABBLE_MS_PER_CHARACTER));
  // Unlike the agent's, so that a listener can tell who speaks.
  const speak = espeakVoice({ language: 'en-gb+f3' });
  return async (text, signal) => resample(await speak(text, signal), PCM_RATE, PHONE_RATE);
}
