import { EventEmitter } from 'node:events';
import {
  ConnectionState,
  type DisconnectReason,
  ParticipantKind,
  type Room,
  RoomEvent,
} from '@livekit/rtc-node';

/** The part of a LiveKit participant that telephony reads. */
export interface FakeParticipant {
  identity: string;
  info: { kind: ParticipantKind };
  attributes: Record<string, string>;
  trackPublications: Map<string, unknown>;
  disconnectReason?: DisconnectReason | undefined;
}

/** A room without a server: participants join, change and leave when the test says so. */
export class FakeRoom extends EventEmitter {
  readonly name = 'room-1';
  readonly remoteParticipants = new Map<string, FakeParticipant>();
  isConnected = true;
  connectionState = ConnectionState.CONN_CONNECTED;

  /** As the code under test takes it. */
  get room(): Room {
    return this as unknown as Room;
  }

  /** A phone, unless `kind` says otherwise. */
  join(
    identity: string,
    attributes: Record<string, string> = {},
    kind: ParticipantKind = ParticipantKind.SIP,
  ): FakeParticipant {
    const trackPublications = new Map<string, unknown>();
    const participant = { identity, info: { kind }, attributes, trackPublications };
    this.remoteParticipants.set(identity, participant);
    this.emit(RoomEvent.ParticipantConnected, participant);
    return participant;
  }

  change(identity: string, attributes: Record<string, string>): void {
    const participant = this.remoteParticipants.get(identity);
    if (!participant) throw new Error(`${identity} is not in the room`);
    Object.assign(participant.attributes, attributes);
    this.emit(RoomEvent.ParticipantAttributesChanged, attributes, participant);
  }

  leave(identity: string, disconnectReason?: DisconnectReason): void {
    const participant = this.remoteParticipants.get(identity);
    if (!participant) throw new Error(`${identity} is not in the room`);
    this.remoteParticipants.delete(identity);
    this.emit(RoomEvent.ParticipantDisconnected, { ...participant, disconnectReason });
  }

  close(): void {
    this.isConnected = false;
    this.emit(RoomEvent.Disconnected);
  }

  press(identity: string, digits: string): void {
    for (const digit of digits) this.emit(RoomEvent.DtmfReceived, 0, digit, { identity });
  }

  /** Listeners that are left: whoever waited must have cleaned up. */
  get listening(): number {
    return this.eventNames().reduce((sum, name) => sum + this.listenerCount(name), 0);
  }
}
