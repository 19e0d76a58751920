import type { EventEmitter } from 'node:events';
import type { LiveCall } from './live_call.ts';

/** What is read of the model's events (OpenAI Realtime). */
interface ModelEvent {
  type: string;
  response?: { status?: string; output?: { type?: string }[] };
}

/**
 * Asks again for a reply that went down with the model's connection. The plugin makes a new
 * connection and replays the conversation, but a reply that was being spoken, thought about, or
 * waited for behind a tool is forgotten: the caller has asked something and hears nothing.
 *
 * ```
 * even ── the caller speaks, or a response begins ──► owing ── the response is complete ──► even
 *                                                       │ ▲        └── it called tools ──► owing
 *                                                       │ └── cancelled: the caller spoke into it
 *                                                       └── reconnected ──► asked for again
 * ```
 */
export function watchLostReplies(call: LiveCall): void {
  const { model, announcer, journal, ending, log } = call;
  const session = model?.current as unknown as EventEmitter | undefined;
  if (!session) return;
  let owing = false;
  const onEvent = ({ type, response }: ModelEvent) => {
    const spokenTo = type === 'input_audio_buffer.speech_started' && !model?.listensOnly;
    if (spokenTo || type === 'response.created') owing = true;
    else if (type === 'response.done' && response?.status !== 'cancelled') {
      owing = response?.output?.some((item) => item.type === 'function_call') ?? false;
    }
  };
  const onReconnected = () => {
    log.warn({ owing }, 'the connection to the model was lost and made again');
    if (!owing) return;
    owing = false;
    const message = 'the connection to the model broke while it owed a reply';
    journal.error('model_interrupted', message).catch(() => undefined);
    void announcer?.reply(undefined, { at: 'once' });
  };
  session.on('openai_server_event_received', onEvent);
  session.on('session_reconnected', onReconnected);
  const stop = () => {
    session.off('openai_server_event_received', onEvent);
    session.off('session_reconnected', onReconnected);
  };
  ending.signal.addEventListener('abort', stop, { once: true });
}
