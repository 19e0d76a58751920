import {
  DisconnectReason,
  ParticipantKind,
  type RemoteParticipant,
  type Room,
  RoomEvent,
} from '@livekit/rtc-node';
import { toE164 } from '../config/phone_number.ts';

/** What livekit-sip tells about a phone in the room (attributes of its participant). */
export interface SipCaller {
  identity: string;
  /** E.164; `null` where the caller withholds it or sends something that is no number. */
  from: string | null;
  /** The dialled number, E.164 where it is one. */
  to: string;
  /** LiveKit's id of the SIP call (`SCL_…`). */
  sipCallId: string | null;
  /** Headers of the INVITE that the trunk maps (`sip.h.<name>`), names in lower case. */
  headers: Record<string, string>;
}

const HEADER_PREFIX = 'sip.h.';

/** From a participant in the room, or as LiveKit's API and webhooks show it. */
export function readSipCaller({
  identity,
  attributes,
}: Pick<RemoteParticipant, 'identity' | 'attributes'>): SipCaller {
  const dialled = attributes['sip.trunkPhoneNumber'] ?? '';
  const to = toE164(dialled);
  const headers: Record<string, string> = {};
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith(HEADER_PREFIX)) headers[key.slice(HEADER_PREFIX.length)] = value;
  }
  return {
    identity,
    from: toE164(attributes['sip.phoneNumber'] ?? '', { near: to }),
    to: to ?? dialled,
    sipCallId: attributes['sip.callID'] ?? null,
    headers,
  };
}

/** The phone in the room, as soon as it is there; agents and browsers are passed over. */
export function waitForSipParticipant(room: Room, signal: AbortSignal): Promise<RemoteParticipant> {
  const isPhone = (participant: RemoteParticipant) => participant.info.kind === ParticipantKind.SIP;
  return new Promise((resolve, reject) => {
    const stop = () => {
      room.off(RoomEvent.ParticipantConnected, onJoin);
      room.off(RoomEvent.Disconnected, onGone);
      signal.removeEventListener('abort', onAbort);
    };
    const onJoin = (participant: RemoteParticipant) => {
      if (!isPhone(participant)) return;
      stop();
      resolve(participant);
    };
    const onGone = () => {
      stop();
      reject(new Error('the room was closed before the caller was in it'));
    };
    const onAbort = () => {
      stop();
      reject(signal.reason);
    };
    room.on(RoomEvent.ParticipantConnected, onJoin);
    room.on(RoomEvent.Disconnected, onGone);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) return onAbort();
    const present = [...room.remoteParticipants.values()].find(isPhone);
    if (present) onJoin(present);
    return undefined;
  });
}

/**
 * Resolves when livekit-sip has answered the phone and its audio path is open. Speech before this
 * is lost: the track is subscribed earlier, but nothing leaves towards the phone until 200 OK.
 */
export function waitUntilActive(room: Room, identity: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      room.off(RoomEvent.ParticipantAttributesChanged, check);
      signal.removeEventListener('abort', onAbort);
    };
    const onAbort = () => {
      stop();
      reject(signal.reason);
    };
    const check = () => {
      if (room.remoteParticipants.get(identity)?.attributes['sip.callStatus'] !== 'active') return;
      stop();
      resolve();
    };
    room.on(RoomEvent.ParticipantAttributesChanged, check);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) return onAbort();
    check();
    return undefined;
  });
}

/** Why the phone left, as far as livekit-sip and livekit-server tell it. */
export type Departure =
  | 'hung_up'
  /** livekit-sip let it go by itself: nobody took the call for too long. */
  | 'given_up'
  | 'media_lost'
  | 'removed'
  | 'failed';

/**
 * A BYE arrives as CLIENT_INITIATED, a CANCEL as USER_UNAVAILABLE or CLIENT_INITIATED; the server
 * rewrites unknown reasons to CLIENT_INITIATED, so an unknown one counts as a hang-up as well.
 */
export function departureOf(reason: DisconnectReason | undefined): Departure {
  switch (reason) {
    case DisconnectReason.MEDIA_FAILURE:
    case DisconnectReason.CONNECTION_TIMEOUT:
    case DisconnectReason.SIGNAL_CLOSE:
      return 'media_lost';
    case DisconnectReason.PARTICIPANT_REMOVED:
    case DisconnectReason.ROOM_DELETED:
    case DisconnectReason.ROOM_CLOSED:
      return 'removed';
    case DisconnectReason.SIP_TRUNK_FAILURE:
    case DisconnectReason.SERVER_SHUTDOWN:
    case DisconnectReason.DUPLICATE_IDENTITY:
    case DisconnectReason.STATE_MISMATCH:
    case DisconnectReason.JOIN_FAILURE:
      return 'failed';
    default:
      return 'hung_up';
  }
}
