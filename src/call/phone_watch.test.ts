import { ConnectionState, DisconnectReason } from '@livekit/rtc-node';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { watchPhone } from './phone_watch.ts';
import { CALLER, fakeLiveCall } from './testing/fake_live_call.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function watched() {
  const fake = fakeLiveCall();
  watchPhone(fake.call);
  return fake;
}

describe('a phone that leaves the room', () => {
  it('with a reason ends the call at once', () => {
    const { call, room } = watched();
    room.leave(CALLER, DisconnectReason.CLIENT_INITIATED);
    expect(call.ending.reason).toBe('caller_hung_up');
  });

  it('without one has hung up when it does not come back', () => {
    const { call, room } = watched();
    room.leave(CALLER);
    expect(call.ending.reason).toBeUndefined();
    vi.advanceTimersByTime(1_000);
    expect(call.ending.reason).toBe('caller_hung_up');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is somebody else, which is nothing', () => {
    const { call, room } = watched();
    room.join('sip_other');
    room.leave('sip_other', DisconnectReason.CLIENT_INITIATED);
    vi.advanceTimersByTime(60_000);
    expect(call.ending.reason).toBeUndefined();
  });
});

/*
 * When LiveKit died in the middle of a call, the record said that the caller had hung up. The cause
 * also ended calls that were alive. rtc-node, t=0: its connection cannot be resumed; it reports every
 * participant as gone, without a reason, and then that it is reconnecting. t=84 ms: the phone joins;
 * t=210 ms: reconnected, audio flows. We had ended the call at t=0 and deleted the room.
 */
describe('a connection to LiveKit that is made anew', () => {
  it('takes the phone away and brings it back: the call goes on', () => {
    const { call, room } = watched();
    room.leave(CALLER);
    room.connectionState = ConnectionState.CONN_RECONNECTING;
    vi.advanceTimersByTime(5_000);
    room.join(CALLER);
    room.connectionState = ConnectionState.CONN_CONNECTED;
    vi.advanceTimersByTime(60_000);
    expect(call.ending.reason).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);

    room.leave(CALLER, DisconnectReason.CLIENT_INITIATED);
    expect(call.ending.reason).toBe('caller_hung_up');
  });

  it('is not waited for without end', () => {
    const { call, room } = watched();
    room.leave(CALLER);
    room.connectionState = ConnectionState.CONN_RECONNECTING;
    vi.advanceTimersByTime(20_000);
    expect(call.ending.reason).toBe('media_lost');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('leaves no timer behind when the call ends meanwhile', () => {
    const { call, room } = watched();
    room.leave(CALLER);
    void call.ending.end('shutdown');
    expect(vi.getTimerCount()).toBe(0);
  });
});
