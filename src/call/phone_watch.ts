import { ConnectionState, type RemoteParticipant, RoomEvent } from '@livekit/rtc-node';
import type { LiveCall } from './live_call.ts';
import { phoneLeft } from './phone_left.ts';

/** A phone that is put back comes within 0.1 s of leaving, or of the end of the reconnect (measured). */
const RETURN_LIMIT_MS = 1_000;

/** A caller does not hold a dead line for longer, and nobody else must pay for it either. */
const RECONNECT_LIMIT_MS = 20_000;

/**
 * Ends the call when its phone leaves the room for good.
 *
 * A phone that hangs up, loses its media or is removed says so. One that leaves without a reason may
 * not have left at all: when the connection to LiveKit breaks in a way that cannot be resumed, ours or
 * livekit-sip's, everybody is taken out of the room and put back.
 *
 * ```
 * there ── left, with a reason ─────────────────────────────────────────► phoneLeft
 *   ▲  └── left, without one ──► missing ── 1 s, connected ─────────────► phoneLeft
 *   └──────── comes back ────────────┘  └── still reconnecting after 20 s ► media_lost
 * ```
 *
 * A reconnect that is given up sooner ends the call by the room's own `Disconnected`.
 */
export function watchPhone(call: LiveCall): void {
  call.job.room.on(RoomEvent.ParticipantDisconnected, (participant: RemoteParticipant) => {
    if (participant.identity !== call.caller?.identity) return;
    const reason = participant.disconnectReason;
    if (reason === undefined) awaitReturn(call, participant.identity);
    else phoneLeft(call, reason);
  });
}

function awaitReturn(call: LiveCall, identity: string): void {
  const { ending, log } = call;
  const { room } = call.job;
  log.warn('the phone is missing without a reason');
  let patience = RECONNECT_LIMIT_MS;
  const timer = setInterval(() => {
    patience -= RETURN_LIMIT_MS;
    if (room.remoteParticipants.has(identity)) {
      log.info('the phone is back');
    } else if (room.connectionState !== ConnectionState.CONN_RECONNECTING) {
      phoneLeft(call, undefined);
    } else if (patience <= 0) {
      void ending.end('media_lost');
    } else return;
    clearInterval(timer);
  }, RETURN_LIMIT_MS);
  ending.signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}
