import { RoomEvent } from '@livekit/rtc-node';
import type { LiveCall } from './live_call.ts';

/**
 * agents-js calls a speech played out when its last sample has left this process. It is heard
 * behind Opus, the SFU, livekit-sip's mixer (126 ms together, measured) and the carrier's jitter
 * buffer; whoever drops the leg sooner cuts the end of the goodbye off.
 */
const UNTIL_HEARD_MS = 500;

/** Resolves when what was said last has reached the phone, or the phone is gone. */
export function lastWordsHeard({ job: { room }, caller, answeredAt }: LiveCall): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      room.off(RoomEvent.ParticipantDisconnected, check);
      room.off(RoomEvent.Disconnected, done);
      resolve();
    };
    const check = () => {
      const listening = answeredAt !== undefined && room.isConnected;
      if (!listening || !caller || !room.remoteParticipants.has(caller.identity)) done();
    };
    const timer = setTimeout(done, UNTIL_HEARD_MS);
    room.on(RoomEvent.ParticipantDisconnected, check);
    room.on(RoomEvent.Disconnected, done);
    check();
  });
}
