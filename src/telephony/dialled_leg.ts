import { type RemoteParticipant, type Room, RoomEvent } from '@livekit/rtc-node';
import { type ParticipantInfo, type RoomServiceClient, TwirpError } from 'livekit-server-sdk';
import { type DialOutcome, outcomeOfDeparture, without } from './dial_outcome.ts';

// A phone that we have dialled, as LiveKit's room shows it: a SIP participant that is there from
// before the INVITE until the call is over, with `sip.callStatus` dialing → ringing → active.

export type SipCallStatus = 'dialing' | 'ringing' | 'automation' | 'active';

/** A leg that can be taken over by a process that did not dial it. */
export interface AdoptableLeg {
  identity: string;
  callStatus: SipCallStatus;
  /** LiveKit's id of the SIP call (`SCL_…`). */
  sipCallId: string | null;
}

/** Of `ParticipantInfo.kind`; LiveKit's SDK does not export the names. */
const SIP_KIND = 3;

/**
 * The phone that is in this room, whoever dialled it; `null` where none is, or the room is gone.
 * With `identity` that one only. Rejects when LiveKit cannot be asked: then nobody knows.
 */
export async function adoptable(
  rooms: RoomServiceClient,
  room: string,
  identity?: string,
): Promise<AdoptableLeg | null> {
  const phones = (await participants(rooms, room)).filter(
    (one) => one.kind === SIP_KIND && (identity === undefined || one.identity === identity),
  );
  for (const { identity, attributes } of phones) {
    const callStatus = statusOf(attributes);
    if (callStatus) return { identity, callStatus, sipCallId: attributes['sip.callID'] ?? null };
  }
  return null;
}

async function participants(rooms: RoomServiceClient, room: string): Promise<ParticipantInfo[]> {
  try {
    return await rooms.listParticipants(room);
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof TwirpError && error.code === 'not_found';
}

/** `null` for a leg that has hung up and is on its way out. */
function statusOf(attributes: Record<string, string>): SipCallStatus | null {
  const status = attributes['sip.callStatus'];
  return status === 'dialing' ||
    status === 'ringing' ||
    status === 'automation' ||
    status === 'active'
    ? status
    : null;
}

/**
 * Takes the leg out of the room: CANCEL to a phone that rings, BYE to one that has been answered.
 * `false` where it was not there. Rejects when LiveKit cannot be asked.
 */
export async function hangUpLeg(
  rooms: RoomServiceClient,
  room: string,
  identity: string,
): Promise<boolean> {
  try {
    await rooms.removeParticipant(room, identity);
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

/** Calls `listener` when the phone is seen to ring, once; returns how to stop. */
export function onRinging(room: Room, identity: string, listener: () => void): () => void {
  const stop = () => {
    room.off(RoomEvent.ParticipantConnected, look);
    room.off(RoomEvent.ParticipantAttributesChanged, look);
  };
  const look = () => {
    const attributes = room.remoteParticipants.get(identity)?.attributes;
    if (attributes?.['sip.callStatus'] !== 'ringing') return;
    stop();
    listener();
  };
  room.on(RoomEvent.ParticipantConnected, look);
  room.on(RoomEvent.ParticipantAttributesChanged, look);
  look();
  return stop;
}

/**
 * What comes of a leg that somebody else dialled, or that LiveKit did not answer for: told from the
 * room alone. It may take `appearWithinMs` to be there, and until `deadline` to be answered; one
 * that still rings then is hung up. Ends with the signal, which hangs it up too.
 */
export async function followLeg(options: {
  rooms: RoomServiceClient;
  room: Room;
  /** (Default: the room's own) */
  roomName?: string;
  identity: string;
  /** `performance.now()` */
  deadline: number;
  appearWithinMs: number;
  signal: AbortSignal;
}): Promise<DialOutcome> {
  const { rooms, room, roomName, identity, signal } = options;
  const seen = await seenInRoom(options);
  if (seen === 'absent') return without('unknown', 'no phone is in the room');
  if (seen === 'room_lost') return without('unknown', 'the room was lost');
  if (seen !== 'aborted' && seen !== 'too_late') return seen;
  const gone = await hangUpLeg(rooms, roomName ?? room.name ?? '', identity).then(
    () => true,
    () => false,
  );
  if (!gone) return without('unknown', 'LiveKit does not answer');
  return signal.aborted ? without('cancelled') : without('no_answer');
}

type Seen = DialOutcome | 'absent' | 'room_lost' | 'aborted' | 'too_late';

function seenInRoom(options: {
  room: Room;
  identity: string;
  deadline: number;
  appearWithinMs: number;
  signal: AbortSignal;
}): Promise<Seen> {
  const { room, identity, signal } = options;
  return new Promise((resolve) => {
    const settle = (seen: Seen) => {
      clearTimeout(appearance);
      clearTimeout(deadline);
      room.off(RoomEvent.ParticipantConnected, look);
      room.off(RoomEvent.ParticipantAttributesChanged, look);
      room.off(RoomEvent.ParticipantDisconnected, onLeft);
      room.off(RoomEvent.Disconnected, onRoomLost);
      signal.removeEventListener('abort', onAbort);
      resolve(seen);
    };
    const look = () => {
      const leg = room.remoteParticipants.get(identity);
      if (!leg) return;
      clearTimeout(appearance);
      if (leg.attributes['sip.callStatus'] === 'active') settle(without('answered'));
    };
    const onLeft = (leg: RemoteParticipant) => {
      if (leg.identity === identity) settle(outcomeOfDeparture(leg.disconnectReason));
    };
    const onRoomLost = () => settle('room_lost');
    const onAbort = () => settle('aborted');
    const appearance = setTimeout(() => settle('absent'), options.appearWithinMs);
    const deadline = setTimeout(
      () => settle('too_late'),
      Math.max(0, options.deadline - performance.now()),
    );
    room.on(RoomEvent.ParticipantConnected, look);
    room.on(RoomEvent.ParticipantAttributesChanged, look);
    room.on(RoomEvent.ParticipantDisconnected, onLeft);
    room.on(RoomEvent.Disconnected, onRoomLost);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    else look();
  });
}
