import type { Room } from '@livekit/rtc-node';
import { SipCallError, type SipClient, TwirpError } from 'livekit-server-sdk';

/**
 * How a blind transfer (SIP REFER, RFC 3515) ended.
 *
 * - `confirmed`    the carrier reported 200 and the leg is on its way out
 * - `failed`       the carrier or the target refused; the caller is still with us
 * - `unconfirmed`  nobody can tell: the leg went away before any final NOTIFY, or none came in time
 */
export type ReferOutcome =
  | { outcome: 'confirmed' }
  | { outcome: 'unconfirmed'; callerGone: boolean }
  | { outcome: 'failed'; sipStatus: number | null; reason: string };

/**
 * LiveKit resolves a transfer alike for NOTIFY 200 and for a leg that vanished before any NOTIFY.
 * After a real success its own BYE follows 1.0 s later (measured 1005 to 1018 ms), a vanished leg
 * is gone within a few: so a leg that is still there after this long was transferred.
 */
const SETTLE_MS = 700;

/** Seconds the target may ring before the outcome counts as unknown. */
const RINGING_TIMEOUT_IN_SECONDS = 30;

export async function refer(options: {
  sip: SipClient;
  room: Room;
  identity: string;
  /** `tel:`, `sip:` or `sips:`. */
  to: string;
  ringingTimeoutInSeconds?: number;
}): Promise<ReferOutcome> {
  const { sip, room, identity, to } = options;
  const ringingTimeout = options.ringingTimeoutInSeconds ?? RINGING_TIMEOUT_IN_SECONDS;
  const callerGone = () => !room.remoteParticipants.has(identity);
  try {
    await sip.transferSipParticipant(room.name ?? '', identity, to, {
      playDialtone: false,
      ringingTimeout,
      timeout: ringingTimeout + 5,
    });
  } catch (error) {
    return classifyFailure(error, callerGone());
  }
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return callerGone() ? { outcome: 'unconfirmed', callerGone: true } : { outcome: 'confirmed' };
}

function classifyFailure(error: unknown, callerGone: boolean): ReferOutcome {
  if (error instanceof SipCallError && error.sipStatusCode) {
    return { outcome: 'failed', sipStatus: error.sipStatusCode, reason: error.sipStatus ?? '' };
  }
  if (error instanceof TwirpError) {
    if (error.code === 'not_found') return { outcome: 'unconfirmed', callerGone: true };
    // The REFER stays pending inside livekit-sip: it may still be carried out.
    if (error.code === 'deadline_exceeded' || error.code === 'canceled') {
      return { outcome: 'unconfirmed', callerGone };
    }
    return { outcome: 'failed', sipStatus: null, reason: error.code ?? 'refused' };
  }
  // No answer of LiveKit in time, or the connection broke: the REFER may be under way.
  return { outcome: 'unconfirmed', callerGone };
}
