import { EventEmitter } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import type { Announcer } from './announcer.ts';
import { watchLostReplies } from './lost_replies.ts';
import type { CallModel } from './realtime_model.ts';
import { fakeLiveCall } from './testing/fake_live_call.ts';

const CALL = { type: 'function_call' };

function watched() {
  const session = new EventEmitter();
  const reply = vi.fn(() => Promise.resolve(true));
  const fake = fakeLiveCall();
  fake.call.model = { current: session } as unknown as CallModel;
  fake.call.announcer = { reply } as unknown as Announcer;
  watchLostReplies(fake.call);
  const hears = (type: string, response?: Record<string, unknown>) =>
    session.emit('openai_server_event_received', { type, response });
  const done = (status: string, output: unknown[] = []) =>
    hears('response.done', { status, output });
  return { ...fake, session, reply, hears, done };
}

/*
 * The connection to the model dropped between a question and its answer. t=0: the caller falls
 * silent; t=20 ms: the socket is gone; t=30 ms: a new one, with the conversation replayed. Nobody
 * asked the model for the answer again, and the line stayed silent until the caller spoke.
 */
describe('a connection to the model that is lost and made again', () => {
  it.each<[string, boolean, (model: ReturnType<typeof watched>) => void]>([
    ['while nobody speaks', false, () => undefined],
    [
      'behind a complete reply',
      false,
      ({ hears, done }) => {
        hears('input_audio_buffer.speech_started');
        hears('response.created');
        done('completed', [{ type: 'message' }]);
      },
    ],
    ['while the caller speaks', true, ({ hears }) => hears('input_audio_buffer.speech_started')],
    ['while the model speaks', true, ({ hears }) => hears('response.created')],
    [
      'while a tool runs',
      true,
      ({ hears, done }) => {
        hears('response.created');
        done('completed', [{ type: 'message' }, CALL]);
      },
    ],
    [
      'behind a barge-in',
      true,
      ({ hears, done }) => {
        hears('response.created');
        hears('input_audio_buffer.speech_started');
        done('cancelled');
      },
    ],
  ])('%s: a reply is owed: %s', (_when, owed, happens) => {
    const model = watched();
    happens(model);
    model.session.emit('session_reconnected', {});
    expect(model.reply).toHaveBeenCalledTimes(owed ? 1 : 0);
    const codes = model.ledger.events.map(({ type, data }) => [type, data.code]);
    expect(codes).toEqual(owed ? [['call.error', 'model_interrupted']] : []);
  });

  it('asks for a lost reply once', () => {
    const { session, hears, reply } = watched();
    hears('response.created');
    session.emit('session_reconnected', {});
    session.emit('session_reconnected', {});
    expect(reply).toHaveBeenCalledTimes(1);
  });

  it('is nothing to a call that has ended', () => {
    const { call, session, hears, reply } = watched();
    hears('response.created');
    void call.ending.end('caller_hung_up');
    session.emit('session_reconnected', {});
    expect(reply).not.toHaveBeenCalled();
  });
});
