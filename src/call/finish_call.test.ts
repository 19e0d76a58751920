import type { voice } from '@livekit/agents';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { finishCall } from './finish_call.ts';
import type { CallModel } from './realtime_model.ts';
import { CALLER, type FakeLiveCall, fakeLiveCall } from './testing/fake_live_call.ts';

afterEach(() => void vi.useRealTimers());

function unanswered(): FakeLiveCall {
  const fake = fakeLiveCall();
  delete fake.call.answeredAt;
  return fake;
}

const endOf = ({ ledger }: FakeLiveCall) =>
  ledger.events.map(({ type, data }) => [type, data.end_reason ?? data.sip_status]);

/** What the steps did, in order. */
function watched(fake: FakeLiveCall): string[] {
  const happened: string[] = [];
  const note =
    <A extends unknown[], R>(what: string, step: (...args: A) => R) =>
    (...args: A) => {
      happened.push(what);
      return step(...args);
    };
  const { ledger, call } = fake;
  const { rooms } = call.livekit;
  rooms.deleteRoom = note('delete room', rooms.deleteRoom.bind(rooms));
  ledger.append = note('write the end', ledger.append.bind(ledger));
  ledger.close = note('leave the ledger', ledger.close.bind(ledger));
  call.job.shutdown = note('exit', call.job.shutdown.bind(call.job));
  return happened;
}

describe('the end of a call', () => {
  it('drops the phone, then is written, then the process leaves', async () => {
    const fake = fakeLiveCall();
    const happened = watched(fake);
    await finishCall(fake.call, fake.ledger.client, 'agent_hung_up');
    expect(happened).toEqual(['delete room', 'write the end', 'leave the ledger', 'exit']);
    expect(fake.deleted).toEqual(['room-1']);
    expect(endOf(fake)).toEqual([['call.ended', 'agent_hung_up']]);
    expect(fake.shutDown).toEqual(['agent_hung_up']);
  });

  it('collects the tokens of the session when that has closed', async () => {
    const fake = fakeLiveCall();
    let closed = false;
    fake.call.session = {
      close: () => {
        closed = true;
        return Promise.resolve();
      },
      get usage() {
        return { modelUsage: closed ? [{ type: 'llm_usage', inputTokens: 7, model: '' }] : [] };
      },
    } as unknown as voice.AgentSession;
    await finishCall(fake.call, fake.ledger.client, 'caller_hung_up');
    expect(fake.ledger.appends[0]?.facts).toMatchObject([
      { kind: 'usage', data: { model: 'gpt-realtime', inputTokens: 7 } },
    ]);
  });

  it.each([
    ['caller_hung_up', 487],
    ['model_unavailable', 486],
    ['rejected', 486],
  ] as const)('of a call that was never answered: %s, %s', async (reason, sipStatus) => {
    const fake = unanswered();
    await finishCall(fake.call, fake.ledger.client, reason);
    expect(endOf(fake)).toEqual([
      ['call.failed', sipStatus],
      ['call.ended', reason],
    ]);
  });

  it('is written of a caller, too, who gave up before anybody saw the phone', async () => {
    const fake = unanswered();
    fake.call.opened = false;
    delete fake.call.caller;
    fake.call.job.job.room!.name = 'call_+15550100001_ab12';
    await finishCall(fake.call, fake.ledger.client, 'caller_hung_up');
    expect(fake.ledger.appends[0]?.open).toMatchObject({ from: '+15550100001', to: '' });
    expect(fake.ledger.events.map(({ type }) => type)).toEqual([
      'call.started',
      'call.failed',
      'call.ended',
    ]);
  });

  it('says who was called where the caller gave up before the agent was found', async () => {
    const fake = unanswered();
    fake.call.opened = false;
    await finishCall(fake.call, fake.ledger.client, 'caller_hung_up');
    const { from, to } = fake.call.caller ?? {};
    expect(to).toBe('+15550100000');
    expect(fake.ledger.appends[0]?.open).toMatchObject({ from, to, agentId: '' });
  });

  // The record of one phone call stood there twice, the second time without who was called.
  it('is not written of a caller who never appeared because another process had them', async () => {
    const fake = unanswered();
    fake.call.opened = false;
    fake.ledger.request = () => Promise.resolve({ taken: true } as never);
    await finishCall(fake.call, fake.ledger.client, 'caller_hung_up');
    expect(fake.ledger.appends).toEqual([]);
    expect(fake.deleted).toEqual([]);
    expect(fake.shutDown).toEqual(['caller_hung_up']);
  });

  it('lets go of a model that nobody has used', async () => {
    const fake = unanswered();
    const discard = vi.fn(() => Promise.resolve());
    fake.call.model = { discard } as unknown as CallModel;
    await finishCall(fake.call, fake.ledger.client, 'caller_hung_up');
    expect(discard).toHaveBeenCalledOnce();
  });

  it('is written, and the process leaves, although every step before fails', async () => {
    // With a session that is not closed the process exits a second later, and here it is the tests'.
    vi.useFakeTimers();
    const fake = fakeLiveCall();
    fake.call.livekit.rooms.deleteRoom = () => Promise.reject(new Error('unreachable'));
    fake.call.session = {
      close: () => Promise.reject(new Error('no')),
      usage: { modelUsage: [] },
    } as unknown as voice.AgentSession;
    await finishCall(fake.call, fake.ledger.client, 'caller_hung_up');
    expect(endOf(fake)).toEqual([['call.ended', 'caller_hung_up']]);
    expect(fake.shutDown).toEqual(['caller_hung_up']);
  });

  // agents-js waited 60 s for it, and the slot of a call that lasted a second was taken that long.
  it('does not wait for a session that never closes, nor does the process', async () => {
    vi.useFakeTimers();
    const exit = vi.spyOn(process, 'exit').mockReturnValue(undefined as never);
    const fake = fakeLiveCall();
    fake.call.session = {
      close: () => new Promise(() => undefined),
      usage: { modelUsage: [] },
    } as unknown as voice.AgentSession;
    const finished = finishCall(fake.call, fake.ledger.client, 'caller_hung_up');
    await vi.advanceTimersByTimeAsync(3_000);
    await finished;
    expect(endOf(fake)).toEqual([['call.ended', 'caller_hung_up']]);
    expect(exit).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1_000);
    expect(exit).toHaveBeenCalledExactlyOnceWith(0);
    exit.mockRestore();
  });

  it('makes the process leave although the end cannot be written', async () => {
    const fake = fakeLiveCall();
    fake.ledger.failure = new Error('disk full');
    await finishCall(fake.call, fake.ledger.client, 'caller_hung_up');
    expect(fake.ledger.closed).toBe(true);
    expect(fake.shutDown).toEqual(['caller_hung_up']);
  });
});

describe('a call that somebody else has taken over', () => {
  it('is left alone: neither its room nor its record is ours any more', async () => {
    const fake = fakeLiveCall();
    fake.ledger.fence.abort();
    const happened = watched(fake);
    await finishCall(fake.call, fake.ledger.client, 'worker_lost');
    expect(happened).toEqual(['leave the ledger', 'exit']);
  });
});

describe('a caller whose model is gone', () => {
  const playNotice = vi.fn(() => Promise.resolve());
  beforeEach(() => playNotice.mockClear());

  it('hears why the line goes dead, before it does', async () => {
    const fake = fakeLiveCall();
    fake.call.livekit.rooms.deleteRoom = () => {
      expect(playNotice).toHaveBeenCalledOnce();
      return Promise.resolve();
    };
    await finishCall(fake.call, fake.ledger.client, 'model_unavailable', playNotice);
    expect.assertions(1);
  });

  it('hears nothing while the phone still rings, or when the phone is gone', async () => {
    const ringing = unanswered();
    await finishCall(ringing.call, ringing.ledger.client, 'model_unavailable', playNotice);
    const gone = fakeLiveCall();
    gone.room.leave(CALLER);
    await finishCall(gone.call, gone.ledger.client, 'model_unavailable', playNotice);
    expect(playNotice).not.toHaveBeenCalled();
  });
});

describe('a caller who was put through', () => {
  it('is not cut off: LiveKit says goodbye to the leg itself', async () => {
    const fake = fakeLiveCall();
    const finished = finishCall(fake.call, fake.ledger.client, 'transferred');
    await new Promise((resolve) => setImmediate(resolve));
    expect(fake.deleted).toEqual([]);
    fake.room.leave(CALLER);
    await finished;
    expect(fake.deleted).toEqual(['room-1']);
    expect(fake.room.listening).toBe(0);
  });

  it('is waited for no longer than 3 s', async () => {
    vi.useFakeTimers();
    const fake = fakeLiveCall();
    const finished = finishCall(fake.call, fake.ledger.client, 'transferred');
    await vi.advanceTimersByTimeAsync(3_000);
    await finished;
    expect(endOf(fake)).toEqual([['call.ended', 'transferred']]);
  });
});
