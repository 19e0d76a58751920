import { DisconnectReason } from '@livekit/rtc-node';
import { type RoomServiceClient, TwirpError } from 'livekit-server-sdk';
import { describe, expect, it } from 'vitest';
import { outcomeOfDeparture } from './dial_outcome.ts';
import { adoptable, hangUpLeg } from './dialled_leg.ts';

const SIP = 3;
const AGENT = 4;

function holding(
  ...participants: { identity: string; kind: number; attributes: Record<string, string> }[]
): RoomServiceClient {
  return { listParticipants: async () => participants } as unknown as RoomServiceClient;
}

function failing(error: Error): RoomServiceClient {
  const fail = () => Promise.reject(error);
  return { listParticipants: fail, removeParticipant: fail } as unknown as RoomServiceClient;
}

const gone = new TwirpError('twirp', 'no such room', 404, 'not_found');

const phone = (identity: string, callStatus: string) => ({
  identity,
  kind: SIP,
  attributes: { 'sip.callStatus': callStatus, 'sip.callID': `SCL_${identity}` },
});

describe('a leg that can be adopted', () => {
  it.each(['dialing', 'ringing', 'automation', 'active'])('is one that is %s', async (status) => {
    const agent = { identity: 'agent-1', kind: AGENT, attributes: {} };
    expect(await adoptable(holding(agent, phone('a', status)), 'room')).toEqual({
      identity: 'a',
      callStatus: status,
      sipCallId: 'SCL_a',
    });
  });

  it('is not one that has hung up, nor a participant who is no phone', async () => {
    expect(await adoptable(holding(phone('a', 'hangup')), 'room')).toBeNull();
    const pretender = { ...phone('a', 'active'), kind: AGENT };
    expect(await adoptable(holding(pretender), 'room')).toBeNull();
  });

  it('is the one that is asked for', async () => {
    const both = holding(phone('a', 'active'), phone('b', 'ringing'));
    expect(await adoptable(both, 'room', 'b')).toMatchObject({ identity: 'b' });
    expect(await adoptable(both, 'room', 'c')).toBeNull();
  });

  it('is in no room that is gone; but where LiveKit cannot be asked nobody knows', async () => {
    expect(await adoptable(failing(gone), 'room')).toBeNull();
    await expect(adoptable(failing(new TypeError('fetch failed')), 'room')).rejects.toThrow();
  });
});

it('a leg that is gone is hung up already', async () => {
  expect(await hangUpLeg(failing(gone), 'room', 'a')).toBe(false);
  await expect(hangUpLeg(failing(new TypeError('fetch failed')), 'room', 'a')).rejects.toThrow();
});

describe('a phone that left unanswered', () => {
  it.each([
    ['USER_UNAVAILABLE', 'no_answer'],
    ['USER_REJECTED', 'dial_failed'],
    ['SIP_TRUNK_FAILURE', 'dial_failed'],
    ['CLIENT_INITIATED', 'dial_failed'],
    ['CONNECTION_TIMEOUT', 'unknown'],
    ['MEDIA_FAILURE', 'dial_failed'],
    ['PARTICIPANT_REMOVED', 'cancelled'],
    ['ROOM_DELETED', 'cancelled'],
  ] as const)('with %s was %s', (reason, outcome) => {
    expect(outcomeOfDeparture(DisconnectReason[reason])).toMatchObject({
      outcome,
      sipStatus: null,
    });
  });

  it('without any reason has failed', () => {
    expect(outcomeOfDeparture(undefined)).toMatchObject({ outcome: 'dial_failed' });
  });
});
