import { DisconnectReason } from '@livekit/rtc-node';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { phoneLeft } from './phone_left.ts';
import { fakeLiveCall } from './testing/fake_live_call.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a phone that leaves', () => {
  it.each([
    [DisconnectReason.CLIENT_INITIATED, 'caller_hung_up'],
    [undefined, 'caller_hung_up'],
    [DisconnectReason.MEDIA_FAILURE, 'media_lost'],
    [DisconnectReason.PARTICIPANT_REMOVED, 'ended_by_api'],
    [DisconnectReason.SIP_TRUNK_FAILURE, 'error'],
  ])('for %s ends the call: %s', (reason, ended) => {
    const { call } = fakeLiveCall();
    phoneLeft(call, reason);
    expect(call.ending.reason).toBe(ended);
  });
});

// LiveKit reports a transfer and the hang-up that is its result within a few milliseconds of each
// other, in either order. The hang-up ended the call first, as the caller's, and what became of the
// transfer was never recorded.
describe('a phone that leaves during a transfer', () => {
  it('leaves the end to the transfer, which knows more', () => {
    const { call } = fakeLiveCall({ transfer: 'pending' });
    phoneLeft(call, DisconnectReason.CLIENT_INITIATED);
    expect(call.ending.reason).toBeUndefined();
    void call.ending.end('transferred');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not wait for a transfer that says nothing', () => {
    const { call } = fakeLiveCall({ transfer: 'pending' });
    phoneLeft(call, DisconnectReason.CLIENT_INITIATED);
    vi.advanceTimersByTime(3_000);
    expect(call.ending.reason).toBe('transfer_unconfirmed');
  });

  it('whose outcome stayed unknown was perhaps put through', () => {
    const { call } = fakeLiveCall({ transfer: 'unconfirmed' });
    phoneLeft(call, DisconnectReason.CLIENT_INITIATED);
    expect(call.ending.reason).toBe('transfer_unconfirmed');
  });
});
