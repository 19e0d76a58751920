import { DisconnectReason, ParticipantKind, type RemoteParticipant } from '@livekit/rtc-node';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  departureOf,
  readSipCaller,
  waitForSipParticipant,
  waitUntilActive,
} from './sip_participant.ts';
import { FakeRoom } from './testing/fake_room.ts';

const CALLER = 'sip_+15550100001';

let room: FakeRoom;
let call: AbortController;
beforeEach(() => {
  room = new FakeRoom();
  call = new AbortController();
});

function callerWith(attributes: Record<string, string>) {
  return readSipCaller({ identity: CALLER, attributes } as RemoteParticipant);
}

describe('what livekit-sip tells of a phone', () => {
  it('is who calls whom, its call id and the mapped headers', () => {
    expect(
      callerWith({
        'sip.callID': 'SCL_1',
        'sip.phoneNumber': '+15550100001',
        'sip.trunkPhoneNumber': '+15550100000',
        'sip.callStatus': 'ringing',
        'sip.h.x-ticket': '42',
      }),
    ).toEqual({
      identity: CALLER,
      from: '+15550100001',
      to: '+15550100000',
      sipCallId: 'SCL_1',
      headers: { 'x-ticket': '42' },
    });
  });

  it.each(['anonymous', 'Anonymous', 'unavailable', 'restricted', ''])(
    'names no caller who sends %j',
    (number) => {
      expect(callerWith({ 'sip.phoneNumber': number }).from).toBeNull();
    },
  );

  it('names nobody where the dispatch rule hides the numbers', () => {
    expect(callerWith({ 'sip.callID': 'SCL_1' })).toMatchObject({ from: null, to: '' });
  });

  it.each([
    ['5550100001', '+15550100000', '+15550100001'],
    ['15550100001', '+15550100000', '+15550100001'],
    ['15550100001', '15550100000', '+15550100001'],
    ['030 123456', '+49301234567', '+4930123456'],
  ])('reads %s, calling %s, as %s', (from, to, expected) => {
    const caller = callerWith({ 'sip.phoneNumber': from, 'sip.trunkPhoneNumber': to });
    expect(caller.from).toBe(expected);
  });

  it('keeps a dialled name that is no number', () => {
    const caller = callerWith({ 'sip.phoneNumber': '100', 'sip.trunkPhoneNumber': 'frontdesk' });
    expect(caller).toMatchObject({ from: null, to: 'frontdesk' });
  });
});

describe('waiting for the phone', () => {
  it('takes the one that is there already', async () => {
    const phone = room.join(CALLER);
    expect(await waitForSipParticipant(room.room, call.signal)).toBe(phone);
    expect(room.listening).toBe(0);
  });

  it('passes over agents and browsers', async () => {
    room.join('agent-1', {}, ParticipantKind.AGENT);
    const waiting = waitForSipParticipant(room.room, call.signal);
    room.join('browser', {}, ParticipantKind.STANDARD);
    const phone = room.join(CALLER);
    expect(await waiting).toBe(phone);
    expect(room.listening).toBe(0);
  });

  it('ends with the call', async () => {
    const waiting = waitForSipParticipant(room.room, call.signal);
    call.abort(new Error('over'));
    await expect(waiting).rejects.toThrow('over');
    expect(room.listening).toBe(0);
  });

  it('does not begin in a call that is over', async () => {
    call.abort(new Error('over'));
    room.join(CALLER);
    await expect(waitForSipParticipant(room.room, call.signal)).rejects.toThrow('over');
    expect(room.listening).toBe(0);
  });

  it('ends with the room', async () => {
    const waiting = waitForSipParticipant(room.room, call.signal);
    room.close();
    await expect(waiting).rejects.toThrow('closed');
    expect(room.listening).toBe(0);
  });
});

describe('waiting for the answer', () => {
  it('ends when the phone’s own status is active', async () => {
    room.join(CALLER, { 'sip.callStatus': 'ringing' });
    room.join('sip_other', { 'sip.callStatus': 'active' });
    let active = false;
    const waiting = waitUntilActive(room.room, CALLER, call.signal).then(() => {
      active = true;
    });
    room.change(CALLER, { 'sip.h.x-ticket': '42' });
    await new Promise((resolve) => setImmediate(resolve));
    expect(active).toBe(false);
    room.change(CALLER, { 'sip.callStatus': 'active' });
    await waiting;
    expect(room.listening).toBe(0);
  });

  it('is over at once where the phone is active already', async () => {
    room.join(CALLER, { 'sip.callStatus': 'active' });
    await waitUntilActive(room.room, CALLER, call.signal);
    expect(room.listening).toBe(0);
  });

  it('ends with the call', async () => {
    room.join(CALLER, { 'sip.callStatus': 'ringing' });
    const waiting = waitUntilActive(room.room, CALLER, call.signal);
    call.abort(new Error('over'));
    await expect(waiting).rejects.toThrow('over');
    expect(room.listening).toBe(0);
  });
});

describe('why a phone left', () => {
  it.each([
    [DisconnectReason.CLIENT_INITIATED, 'hung_up'],
    [DisconnectReason.USER_UNAVAILABLE, 'hung_up'],
    [DisconnectReason.USER_REJECTED, 'hung_up'],
    [undefined, 'hung_up'],
    [DisconnectReason.MEDIA_FAILURE, 'media_lost'],
    [DisconnectReason.CONNECTION_TIMEOUT, 'media_lost'],
    [DisconnectReason.PARTICIPANT_REMOVED, 'removed'],
    [DisconnectReason.ROOM_DELETED, 'removed'],
    [DisconnectReason.SIP_TRUNK_FAILURE, 'failed'],
    [DisconnectReason.SERVER_SHUTDOWN, 'failed'],
    [DisconnectReason.DUPLICATE_IDENTITY, 'failed'],
  ])('%s is %s', (reason, departure) => {
    expect(departureOf(reason)).toBe(departure);
  });
});
