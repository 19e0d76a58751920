import { DisconnectReason, RoomEvent } from '@livekit/rtc-node';
import type { LiveCall } from './live_call.ts';
import { phoneLeft } from './phone_left.ts';

/** After a BYE of the phone's own, and after one that it answers, it leaves within milliseconds. */
const LEAVING_LIMIT_MS = 3_000;

/**
 * Ends the call when its phone has gone silent for good: no audio, no BYE, no network.
 *
 * livekit-sip notices after 15 s without a packet, says `hangup` and sends a BYE, and the phone
 * stays in the room until that is answered, or 32 s (64 times RFC 3261's T1) where it never is; then
 * it leaves as one that has hung up. So what tells the two apart is how long the leaving takes.
 */
export function watchMedia(call: LiveCall): void {
  const { job, ending } = call;
  let timer: NodeJS.Timeout | undefined;
  job.room.on(RoomEvent.ParticipantAttributesChanged, (_changed, participant) => {
    if (timer || participant.identity !== call.caller?.identity) return;
    if (participant.attributes['sip.callStatus'] !== 'hangup') return;
    timer = setTimeout(() => {
      if (ending.signal.aborted || !job.room.remoteParticipants.has(participant.identity)) return;
      phoneLeft(call, DisconnectReason.MEDIA_FAILURE);
    }, LEAVING_LIMIT_MS);
  });
  ending.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
}
