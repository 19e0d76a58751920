import { DisconnectReason } from '@livekit/rtc-node';
import {
  type RoomServiceClient,
  SipCallError,
  type SipClient,
  TwirpError,
} from 'livekit-server-sdk';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type DialOptions, dial } from './dial.ts';
import { FakeRoom } from './testing/fake_room.ts';

// The real LiveKit and a real phone are in test/dial.test.ts.

const PHONE = 'phone';

type Create = SipClient['createSipParticipant'];
type Requested = Parameters<Create>;

/** LiveKit as far as dialling needs it: what it is asked, and what the test lets it answer. */
class FakeLiveKit {
  readonly requests: Requested[] = [];
  removals = 0;
  unreachable = false;
  readonly #answers: Array<PromiseWithResolvers<unknown>> = [];
  readonly #room: FakeRoom;

  constructor(room: FakeRoom) {
    this.#room = room;
  }

  get sip(): SipClient {
    const createSipParticipant = (...request: Requested) => {
      this.requests.push(request);
      const answer = Promise.withResolvers<unknown>();
      this.#answers.push(answer);
      return answer.promise;
    };
    return { createSipParticipant } as unknown as SipClient;
  }

  get rooms(): RoomServiceClient {
    const removeParticipant = (_room: string, identity: string) => {
      if (this.unreachable) return Promise.reject(new TypeError('fetch failed'));
      if (!this.#room.remoteParticipants.has(identity)) {
        return Promise.reject(new TwirpError('twirp', 'not there', 404, 'not_found'));
      }
      this.removals += 1;
      this.#room.leave(identity, DisconnectReason.PARTICIPANT_REMOVED);
      // livekit-sip: the room was closed under the INVITE.
      this.fail(twirp('canceled'));
      return Promise.resolve();
    };
    return { removeParticipant } as unknown as RoomServiceClient;
  }

  answer(): void {
    this.#answers.at(-1)?.resolve({});
  }

  fail(error: unknown): void {
    this.#answers.at(-1)?.reject(error);
  }
}

let room: FakeRoom;
let livekit: FakeLiveKit;
let call: AbortController;

beforeEach(() => {
  vi.useFakeTimers();
  room = new FakeRoom();
  livekit = new FakeLiveKit(room);
  call = new AbortController();
});
afterEach(() => {
  expect(room.listening).toBe(0);
  vi.useRealTimers();
});

function dialPhone(options: Partial<DialOptions> = {}) {
  return dial({
    sip: livekit.sip,
    rooms: livekit.rooms,
    trunkId: 'ST_1',
    to: '+15550100200',
    from: '+15550100000',
    room: room.room,
    identity: PHONE,
    ringingTimeoutInSeconds: 20,
    maxCallDurationInSeconds: 3_600,
    signal: call.signal,
    ...options,
  });
}

const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

function refused(sipStatus: number, code: string, phrase = 'because'): SipCallError {
  const metadata = { sip_status_code: String(sipStatus), sip_status: phrase };
  return new SipCallError('sip', 'refused', 400, code, metadata);
}

const twirp = (code: string | undefined, message = 'sip request timed out', status = 408) =>
  new TwirpError('twirp', message, status, code);

const broken = (code: string) =>
  new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) });

describe('a phone that is dialled', () => {
  it('is asked for once, by number, with our limits, and may be answered', async () => {
    const outcome = dialPhone();
    await pass();
    livekit.answer();
    expect(await outcome).toEqual({ outcome: 'answered', sipStatus: null, reason: '' });
    expect(livekit.requests).toEqual([
      [
        'ST_1',
        '+15550100200',
        'room-1',
        {
          fromNumber: '+15550100000',
          participantIdentity: PHONE,
          ringingTimeout: 20,
          maxCallDuration: 3_600,
          waitUntilAnswered: true,
          timeout: 25,
        },
      ],
    ]);
  });

  it('rings no longer than livekit-server waits', async () => {
    const outcome = dialPhone({ ringingTimeoutInSeconds: 600 });
    await pass();
    expect(livekit.requests[0]?.[3]).toMatchObject({ ringingTimeout: 75, timeout: 80 });
    livekit.answer();
    await outcome;
  });

  it('is told of ringing, once', async () => {
    const onRinging = vi.fn();
    const outcome = dialPhone({ onRinging });
    await pass();
    room.join(PHONE, { 'sip.callStatus': 'dialing' });
    expect(onRinging).not.toHaveBeenCalled();
    room.change(PHONE, { 'sip.callStatus': 'ringing' });
    room.change(PHONE, { 'sip.callStatus': 'ringing' });
    expect(onRinging).toHaveBeenCalledTimes(1);
    livekit.answer();
    await outcome;
  });

  it.each([
    [486, 'resource_exhausted', 'busy'],
    [600, 'resource_exhausted', 'busy'],
    [480, 'resource_exhausted', 'no_answer'],
    [408, 'deadline_exceeded', 'no_answer'],
    [487, 'aborted', 'no_answer'],
    [404, 'not_found', 'invalid_number'],
    [410, 'not_found', 'invalid_number'],
    [484, 'invalid_argument', 'invalid_number'],
    [604, 'not_found', 'invalid_number'],
    [603, 'permission_denied', 'dial_failed'],
    [403, 'permission_denied', 'dial_failed'],
    [503, 'failed_precondition', 'dial_failed'],
    [500, 'unavailable', 'dial_failed'],
  ] as const)('that answers %i is %s → %s', async (sipStatus, code, expected) => {
    const outcome = dialPhone();
    await pass();
    livekit.fail(refused(sipStatus, code));
    expect(await outcome).toEqual({ outcome: expected, sipStatus, reason: 'because' });
    expect(livekit.requests).toHaveLength(1);
  });

  it('that rings in vain gives no answer', async () => {
    const outcome = dialPhone();
    await pass(20_010);
    livekit.fail(twirp('canceled'));
    expect(await outcome).toMatchObject({ outcome: 'no_answer', sipStatus: null });
  });

  it('whose leg somebody else takes out is cancelled', async () => {
    const outcome = dialPhone();
    await pass(3_000);
    livekit.fail(twirp('canceled'));
    expect(await outcome).toMatchObject({ outcome: 'cancelled' });
  });

  it.each([
    ['carrier that says nothing', twirp('canceled', 'transaction failed to complete (0 …)')],
    ['login that is wrong', twirp('failed_precondition', 'max auth retry attempts reached')],
    ['trunk that is gone', twirp('not_found', 'trunk not found', 404)],
    ['LiveKit that is not there', broken('ECONNREFUSED')],
  ])('by way of a %s has failed, with a reason', async (_, error) => {
    const outcome = dialPhone();
    await pass(100);
    livekit.fail(error);
    expect(await outcome).toMatchObject({
      outcome: 'dial_failed',
      sipStatus: null,
      reason: expect.stringMatching(/./),
    });
    expect(livekit.requests).toHaveLength(1);
  });
});

describe('a livekit-sip that has no room for the call', () => {
  const overloaded = twirp('unavailable', 'cpu exhausted', 503);

  it('is asked once more after a second: nothing was dialled', async () => {
    const outcome = dialPhone();
    await pass();
    livekit.fail(overloaded);
    await pass(999);
    expect(livekit.requests).toHaveLength(1);
    await pass(1);
    expect(livekit.requests).toHaveLength(2);
    livekit.answer();
    expect(await outcome).toMatchObject({ outcome: 'answered' });
  });

  it('is not asked a third time', async () => {
    const outcome = dialPhone();
    await pass();
    livekit.fail(overloaded);
    await pass(1_000);
    livekit.fail(overloaded);
    expect(await outcome).toMatchObject({ outcome: 'dial_failed' });
    await pass(60_000);
    expect(livekit.requests).toHaveLength(2);
  });

  it('is not asked again for a call that was given up meanwhile', async () => {
    const outcome = dialPhone();
    await pass();
    livekit.fail(overloaded);
    await pass(500);
    call.abort();
    expect(await outcome).toMatchObject({ outcome: 'cancelled' });
    expect(livekit.requests).toHaveLength(1);
  });
});

describe('a call that is given up', () => {
  it('before it was dialled is not dialled', async () => {
    call.abort();
    expect(await dialPhone()).toMatchObject({ outcome: 'cancelled' });
    expect(livekit.requests).toHaveLength(0);
  });

  it('while it rings is taken out of the room', async () => {
    const outcome = dialPhone();
    await pass();
    room.join(PHONE, { 'sip.callStatus': 'ringing' });
    call.abort();
    await pass();
    expect(await outcome).toMatchObject({ outcome: 'cancelled' });
    expect(livekit.removals).toBe(1);
  });

  it('before the leg is there is taken out when it comes', async () => {
    const outcome = dialPhone();
    await pass();
    call.abort();
    await pass(120);
    room.join(PHONE, { 'sip.callStatus': 'dialing' });
    await pass(60);
    expect(await outcome).toMatchObject({ outcome: 'cancelled' });
    expect(livekit.removals).toBe(1);
  });

  it('at the moment of the answer is hung up', async () => {
    const outcome = dialPhone();
    await pass();
    room.join(PHONE, { 'sip.callStatus': 'active' });
    livekit.answer();
    call.abort();
    await pass();
    expect(await outcome).toMatchObject({ outcome: 'cancelled' });
    expect(livekit.removals).toBe(1);
  });

  it('when it has just been refused needs nothing', async () => {
    const outcome = dialPhone();
    await pass();
    livekit.fail(refused(486, 'resource_exhausted'));
    call.abort();
    await pass(50);
    expect(await outcome).toMatchObject({ outcome: 'cancelled' });
  });

  it('while LiveKit cannot be reached is unknown: the phone may ring on', async () => {
    const outcome = dialPhone();
    await pass();
    room.join(PHONE, { 'sip.callStatus': 'ringing' });
    livekit.unreachable = true;
    call.abort();
    await pass(6_000);
    expect(await outcome).toMatchObject({ outcome: 'unknown' });
  });
});

describe('a request that LiveKit does not answer', () => {
  const lost: [string, unknown][] = [
    ['times out', new DOMException('the time is up', 'TimeoutError')],
    ['is broken off', broken('ECONNRESET')],
    ['is lost behind a proxy', twirp(undefined, 'Bad Gateway', 502)],
    ['is given up by the server', twirp('deadline_exceeded')],
  ];

  it.each(lost)('and %s is followed in the room: answered', async (_, error) => {
    const outcome = dialPhone();
    await pass();
    room.join(PHONE, { 'sip.callStatus': 'ringing' });
    livekit.fail(error);
    await pass(5_000);
    room.change(PHONE, { 'sip.callStatus': 'active' });
    expect(await outcome).toMatchObject({ outcome: 'answered' });
    expect(livekit.requests).toHaveLength(1);
  });

  it('is followed to a leg that comes late, and its end', async () => {
    const outcome = dialPhone();
    await pass();
    livekit.fail(broken('ECONNRESET'));
    await pass(2_000);
    room.join(PHONE, { 'sip.callStatus': 'dialing' });
    await pass(6_000);
    room.leave(PHONE, DisconnectReason.USER_UNAVAILABLE);
    expect(await outcome).toMatchObject({ outcome: 'no_answer' });
    expect(livekit.requests).toHaveLength(1);
  });

  it('is unknown where no leg ever comes: it is not dialled again', async () => {
    const outcome = dialPhone();
    await pass();
    livekit.fail(broken('ECONNRESET'));
    await pass(5_000);
    expect(await outcome).toMatchObject({ outcome: 'unknown' });
    await pass(60_000);
    expect(livekit.requests).toHaveLength(1);
  });

  it('is hung up when its time is up', async () => {
    const outcome = dialPhone();
    await pass();
    room.join(PHONE, { 'sip.callStatus': 'ringing' });
    livekit.fail(broken('ECONNRESET'));
    await pass(20_000);
    expect(await outcome).toMatchObject({ outcome: 'no_answer' });
    expect(livekit.removals).toBe(1);
  });

  it('is hung up when the call is given up', async () => {
    const outcome = dialPhone();
    await pass();
    room.join(PHONE, { 'sip.callStatus': 'ringing' });
    livekit.fail(broken('ECONNRESET'));
    await pass(1_000);
    call.abort();
    expect(await outcome).toMatchObject({ outcome: 'cancelled' });
    expect(livekit.removals).toBe(1);
  });

  it('is unknown when the room is lost as well', async () => {
    const outcome = dialPhone();
    await pass();
    room.join(PHONE, { 'sip.callStatus': 'ringing' });
    livekit.fail(broken('ECONNRESET'));
    await pass();
    room.close();
    expect(await outcome).toMatchObject({ outcome: 'unknown' });
  });
});
