import { ReadableStream } from 'node:stream/web';
import { setTimeout as sleep } from 'node:timers/promises';
import { llm } from '@livekit/agents';
import { AudioFrame } from '@livekit/rtc-node';
import { GREETING_SAMPLE_RATE } from '../hooks/greeting_audio.ts';
import { firstMessage } from './instructions.ts';
import type { LiveCall } from './live_call.ts';
import { tellItem } from './told_item.ts';

/** A recording that is not there when it is needed is not waited for in silence for longer. */
const RECORDING_LIMIT_MS = 1_500;
/** A recording of a minute, and what it takes to be played. */
const RECORDING_PLAYED_LIMIT_MS = 70_000;
const FRAME_SAMPLES = GREETING_SAMPLE_RATE / 50;

/**
 * The first words, once the phone can hear them: a recording or a text of the backend's, those of the
 * profile, or whatever the model opens with where there are none. `false` when the model did not speak.
 */
export async function greet(call: LiveCall): Promise<boolean> {
  const { announcer } = call;
  const text = firstMessage(call);
  if (!announcer) return true;
  if (await playRecording(call)) return true;
  if (text === '') return true;
  // One attempt: it takes the plugin 10 s to call it failed, and the caller hears nothing meanwhile.
  const options = { at: 'once', attempts: 1 } as const;
  const spoken =
    text === undefined
      ? await announcer.reply(undefined, options)
      : await announcer.say(text, options);
  return spoken !== 'unsaid';
}

/** `false`: there is none, and the greeting has to be spoken. */
async function playRecording(call: LiveCall): Promise<boolean> {
  const { announcer, backend, log } = call;
  const recording = backend?.agent?.recordedGreeting;
  const text = backend?.agent?.greeting?.trim() ?? '';
  if (!announcer || !recording) return false;
  const late = sleep(RECORDING_LIMIT_MS, null, { ref: false });
  const samples = await Promise.race([recording, late]);
  if (!samples) {
    log.warn('the recorded greeting is not there in time');
    return false;
  }
  const spoken = await announcer.play(framesOf(samples), text, RECORDING_PLAYED_LIMIT_MS);
  if (spoken !== 'unsaid') await tellModel(call, text);
  return spoken !== 'unsaid' || call.ending.signal.aborted;
}

/** It has not spoken itself, and would greet again. */
async function tellModel({ model, agent, log }: LiveCall, text: string): Promise<void> {
  const session = model?.current;
  if (!session) return;
  const content = text || '[You have greeted the caller.]';
  const message = llm.ChatMessage.create({ role: 'assistant', content });
  try {
    await tellItem(session, agent, message);
  } catch (error) {
    log.warn({ err: error }, 'the model does not know that the caller was greeted');
  }
}

function framesOf(samples: Int16Array): ReadableStream<AudioFrame> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      const part = samples.slice(at, at + FRAME_SAMPLES);
      at += part.length;
      if (part.length > 0) {
        controller.enqueue(new AudioFrame(part, GREETING_SAMPLE_RATE, 1, part.length));
      }
      if (at >= samples.length) controller.close();
    },
  });
}
