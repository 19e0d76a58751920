import { SipCallError, type SipClient, TwirpError } from 'livekit-server-sdk';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { refer } from './refer.ts';
import { FakeRoom } from './testing/fake_room.ts';

const CALLER = 'sip_+15550100001';

let room: FakeRoom;
beforeEach(() => {
  vi.useFakeTimers();
  room = new FakeRoom();
  room.join(CALLER);
});
afterEach(() => {
  vi.useRealTimers();
});

type Transfer = SipClient['transferSipParticipant'];

function referWith(transferSipParticipant: Transfer, ringingTimeoutInSeconds?: number) {
  const sip = { transferSipParticipant } as SipClient;
  return refer({
    sip,
    room: room.room,
    identity: CALLER,
    to: 'tel:+15550100200',
    ...(ringingTimeoutInSeconds === undefined ? {} : { ringingTimeoutInSeconds }),
  });
}

const resolves: Transfer = () => Promise.resolve();

function refusedBySip(code: string, sipStatus: number, phrase: string): Transfer {
  const metadata = { sip_status_code: String(sipStatus), sip_status: phrase };
  return () => Promise.reject(new SipCallError('sip', 'refused', 400, code, metadata));
}

function twirp(code: string, status = 400): Transfer {
  return () => Promise.reject(new TwirpError('twirp', 'failed', status, code));
}

describe('a transfer that LiveKit reports as done', () => {
  it('is confirmed when the leg is still there: LiveKit’s own BYE comes a second later', async () => {
    const outcome = referWith(resolves);
    await vi.advanceTimersByTimeAsync(700);
    expect(await outcome).toEqual({ outcome: 'confirmed' });
  });

  it('is unconfirmed when the leg went away with it: LiveKit resolves for a hang-up, too', async () => {
    const outcome = referWith(resolves);
    await vi.advanceTimersByTimeAsync(4);
    room.leave(CALLER);
    await vi.advanceTimersByTimeAsync(696);
    expect(await outcome).toEqual({ outcome: 'unconfirmed', callerGone: true });
  });

  it('is unconfirmed when the leg was gone before', async () => {
    room.leave(CALLER);
    const outcome = referWith(resolves);
    await vi.advanceTimersByTimeAsync(700);
    expect(await outcome).toEqual({ outcome: 'unconfirmed', callerGone: true });
  });
});

describe('a transfer that is refused', () => {
  it.each([
    ['the target declines (NOTIFY 603)', 'permission_denied', 603, 'Decline'],
    ['the target is busy (NOTIFY 486)', 'resource_exhausted', 486, 'Busy Here'],
    ['the target does not answer (NOTIFY 480)', 'resource_exhausted', 480, 'Unavailable'],
    ['the target does not answer (NOTIFY 408)', 'deadline_exceeded', 408, 'Request Timeout'],
    ['the carrier takes no REFER (405)', 'invalid_argument', 405, 'Method Not Allowed'],
    ['the carrier forbids it (403)', 'permission_denied', 403, 'Forbidden'],
    ['there is no such number (404)', 'not_found', 404, 'Not Found'],
  ])('has failed when %s', async (_what, code, sipStatus, phrase) => {
    expect(await referWith(refusedBySip(code, sipStatus, phrase))).toEqual({
      outcome: 'failed',
      sipStatus,
      reason: phrase,
    });
  });

  it.each([
    ['failed_precondition', 'the call is not answered'],
    ['invalid_argument', 'another transfer is under way'],
  ])('has failed without a SIP status: %s, %s', async (code) => {
    expect(await referWith(twirp(code))).toEqual({
      outcome: 'failed',
      sipStatus: null,
      reason: code,
    });
  });
});

describe('a transfer of which nobody knows the outcome', () => {
  it.each([
    ['no NOTIFY in time', twirp('deadline_exceeded', 408)],
    ['the request cancelled', twirp('canceled', 408)],
    ['no answer of LiveKit', () => Promise.reject(new DOMException('late', 'TimeoutError'))],
    ['a broken connection', () => Promise.reject(new TypeError('fetch failed'))],
  ])('is unconfirmed, the caller there: %s', async (_what, transfer) => {
    expect(await referWith(transfer)).toEqual({ outcome: 'unconfirmed', callerGone: false });
  });

  it('tells when the caller is gone', async () => {
    const outcome = referWith(() => {
      room.leave(CALLER);
      return Promise.reject(new TypeError('fetch failed'));
    });
    expect(await outcome).toEqual({ outcome: 'unconfirmed', callerGone: true });
  });

  it('takes a call that LiveKit no longer has for gone', async () => {
    expect(await referWith(twirp('not_found', 404))).toEqual({
      outcome: 'unconfirmed',
      callerGone: true,
    });
  });
});

describe('the request', () => {
  it('goes to the phone of the room, without a ringing tone, and outlasts the ringing', async () => {
    const transfer = vi.fn<Transfer>(resolves);
    const outcome = referWith(transfer, 20);
    await vi.advanceTimersByTimeAsync(700);
    await outcome;
    expect(transfer).toHaveBeenCalledExactlyOnceWith('room-1', CALLER, 'tel:+15550100200', {
      playDialtone: false,
      ringingTimeout: 20,
      timeout: 25,
    });
  });
});
