import { type WebhookEvent, WebhookReceiver } from 'livekit-server-sdk';
import type { LiveKitAccess } from './livekit_api.ts';
import { isAgent, isPhone, type PhoneInRoom, readPhone } from './room_now.ts';
import { type RoomRef, roomRef } from './room_ref.ts';
import { type Departure, departureOf } from './sip_participant.ts';

/** What LiveKit tells of a room; the name is empty where it tells of something else. */
export interface RoomNotice {
  /** LiveKit's, the same when it tells it again. */
  id: string;
  /** `participant_joined`, `participant_left`, `room_finished`, … */
  event: string;
  room: RoomRef;
  participant:
    | { kind: 'phone'; phone: PhoneInRoom; departure: Departure }
    | { kind: 'agent'; identity: string; departure: Departure }
    | null;
}

export type ReadWebhook =
  | { kind: 'notice'; notice: RoomNotice }
  /** Nobody who has our secret has signed this, or it was signed too long ago. */
  | { kind: 'unsigned' }
  /** Signed, and yet nothing that LiveKit would send. */
  | { kind: 'unreadable' };

/** Reads a webhook from its raw body, which is what is signed, and its `Authorization` header. */
export type WebhookReader = (
  body: string,
  authorization: string | undefined,
) => Promise<ReadWebhook>;

export function livekitWebhookReader(
  access: Pick<LiveKitAccess, 'apiKey' | 'apiSecret'>,
): WebhookReader {
  const receiver = new WebhookReceiver(access.apiKey, access.apiSecret);
  return async (body, authorization) => {
    let event: WebhookEvent;
    try {
      event = await receiver.receive(body, authorization);
    } catch (error) {
      return { kind: isUnreadable(error) ? 'unreadable' : 'unsigned' };
    }
    return { kind: 'notice', notice: noticeOf(event) };
  };
}

/** The SDK looks at the signature first, then parses, then decodes; each throws in its own way. */
function isUnreadable(error: unknown): boolean {
  if (error instanceof SyntaxError) return true;
  return error instanceof Error && error.message.startsWith('cannot decode ');
}

function noticeOf({ id, event, room, participant }: WebhookEvent): RoomNotice {
  return {
    id,
    event,
    room: roomRef(room),
    participant: participant ? readParticipant(event, participant) : null,
  };
}

function readParticipant(
  event: string,
  participant: NonNullable<WebhookEvent['participant']>,
): RoomNotice['participant'] {
  const departure = departureOf(participant.disconnectReason);
  if (isAgent(participant)) return { kind: 'agent', identity: participant.identity, departure };
  if (!isPhone(participant)) return null;
  const phone = readPhone(participant);
  // Of one that was never whole in the room (`participant_connection_aborted`) it may say nothing.
  const letGo = event === 'participant_left' && departure === 'hung_up' && wasLetGo(participant);
  return { kind: 'phone', phone, departure: letGo ? 'given_up' : departure };
}

/**
 * Both a caller who hangs up and a call that livekit-sip gives up are CLIENT_INITIATED. But of BYE and
 * CANCEL it says `hangup` before it leaves, and of its own time-outs nothing (livekit-sip 1.8,
 * `CallStatus.Attribute`).
 */
function wasLetGo({ attributes }: NonNullable<WebhookEvent['participant']>): boolean {
  const status = attributes['sip.callStatus'];
  return status !== undefined && status !== 'hangup';
}
