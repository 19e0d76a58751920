import { EventEmitter } from 'node:events';
import { initializeLogger, voice } from '@livekit/agents';
import { ParticipantKind } from '@livekit/rtc-node';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { FakeRoom } from '../telephony/testing/fake_room.ts';
import { until } from '../tools/testing/until.ts';
import { createSession, cutOffAtOnce, startSession } from './caller_session.ts';
import { CallModel } from './realtime_model.ts';
import { FakeSession } from './testing/fake_session.ts';

beforeAll(() => initializeLogger({ pretty: false, level: 'silent' }));
afterEach(() => {
  vi.restoreAllMocks();
});

function session(): voice.AgentSession {
  const model = new CallModel({
    model: 'gpt-realtime',
    voice: 'marin',
    apiKey: 'sk-made-up',
    baseUrl: 'http://127.0.0.1:1/v1',
  });
  return createSession(model);
}

describe('the session of a phone call', () => {
  // 3 s by default, in which the caller is replaced by silence whenever the agent speaks.
  it('hears the caller from the first moment', () => {
    expect(session().sessionOptions.aecWarmupDuration).toBeNull();
  });

  // 3 by default; the result of the fourth tool in a turn vanishes without an event.
  it('lets a turn have many tools', () => {
    expect(session().sessionOptions.maxToolSteps).toBe(20);
  });

  // By default each event is sent to the phone as a stream of data, in the way of what is said.
  it('tells its events to nobody in the room', async () => {
    const made = session();
    expect(made).toHaveProperty('sessionHost');
    const host = new voice.SessionHost({
      start: () => Promise.resolve(),
      close: () => Promise.resolve(),
    } as voice.SessionTransport);
    const close = vi.spyOn(host, 'close');
    vi.spyOn(made, 'start').mockImplementation(() => {
      Object.assign(made, { sessionHost: host });
      host.registerSession(made);
      return Promise.resolve();
    });
    const { room } = new FakeRoom();
    const agent = new voice.Agent({ instructions: 'Be kind.' });
    await startSession(made, agent, room, 'sip_+15550100001');
    expect(close).toHaveBeenCalledOnce();
  });

  // Each of them would start an inference process of 334 MB.
  it('leaves hearing turns to the model', () => {
    const made = session();
    expect(made.vad ?? null).toBeNull();
    expect(made.turnDetection).toBe('realtime_llm');
  });

  it('leaves silence to us', () => {
    expect(session().sessionOptions.userAwayTimeout).toBeNull();
  });

  it('can be interrupted', () => {
    expect(session().sessionOptions.turnHandling.interruption.enabled).toBe(true);
  });
});

describe('a session in the room', () => {
  it('listens to this caller alone, takes no text, records nothing, and ends nothing', async () => {
    const made = session();
    const start = vi.spyOn(made, 'start').mockResolvedValue(undefined);
    const agent = new voice.Agent({ instructions: 'Be kind.' });
    const { room } = new FakeRoom();
    await startSession(made, agent, room, 'sip_1');
    expect(start).toHaveBeenCalledOnce();
    expect(start.mock.calls[0]?.[0]).toMatchObject({
      agent,
      room,
      record: false,
      inputOptions: {
        participantIdentity: 'sip_1',
        participantKinds: [ParticipantKind.SIP],
        textEnabled: false,
        closeOnDisconnect: false,
        deleteRoomOnClose: false,
      },
    });
  });
});

describe('queued speech', () => {
  it('is dropped the moment the caller speaks', async () => {
    const line = new FakeSession();
    const clearBuffer = vi.fn();
    const output = Object.assign(new EventEmitter(), { clearBuffer });
    Object.assign(line, { output: { audio: output } });
    cutOffAtOnce(line.session);
    line.agent('speaking');
    expect(clearBuffer).not.toHaveBeenCalled();
    line.user('speaking');
    await until(() => clearBuffer.mock.calls.length > 0);
    line.user('listening');
    await new Promise((resolve) => setImmediate(resolve));
    expect(clearBuffer).toHaveBeenCalledOnce();
  });
});
