import { DisconnectReason } from '@livekit/rtc-node';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { watchMedia } from './media_watch.ts';
import { watchPhone } from './phone_watch.ts';
import { CALLER, fakeLiveCall } from './testing/fake_live_call.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function watched(extra: Parameters<typeof fakeLiveCall>[0] = {}) {
  const fake = fakeLiveCall(extra);
  watchPhone(fake.call);
  watchMedia(fake.call);
  return fake;
}

/*
 * A phone whose network dies was recorded as one that had hung up, 47 s after its last packet, and
 * the agent talked to nobody all the while: livekit-sip waits 15 s for audio, then 32 s for an
 * answer to its BYE, and then reports the leaving like any other.
 */
describe('a phone that livekit-sip has given up', () => {
  it('is lost where it does not leave', () => {
    const { call, room } = watched();
    room.change(CALLER, { 'sip.callStatus': 'hangup' });
    vi.advanceTimersByTime(2_999);
    expect(call.ending.reason).toBeUndefined();
    vi.advanceTimersByTime(1);
    expect(call.ending.reason).toBe('media_lost');
  });

  it('has hung up where it leaves at once', () => {
    const { call, room } = watched();
    room.change(CALLER, { 'sip.callStatus': 'hangup' });
    room.leave(CALLER, DisconnectReason.CLIENT_INITIATED);
    expect(call.ending.reason).toBe('caller_hung_up');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('was perhaps put through where a transfer was under way', () => {
    const { call, room } = watched({ transfer: 'unconfirmed' });
    room.change(CALLER, { 'sip.callStatus': 'hangup' });
    vi.advanceTimersByTime(3_000);
    expect(call.ending.reason).toBe('transfer_unconfirmed');
  });

  it('is told from one whose status changes otherwise, and from others', () => {
    const { call, room } = watched();
    room.join('sip_other');
    room.change('sip_other', { 'sip.callStatus': 'hangup' });
    room.change(CALLER, { 'sip.callStatus': 'active' });
    vi.advanceTimersByTime(60_000);
    expect(call.ending.reason).toBeUndefined();
  });
});
