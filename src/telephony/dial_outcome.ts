import { DisconnectReason } from '@livekit/rtc-node';
import { SipCallError, TwirpError } from 'livekit-server-sdk';

/**
 * What came of dialling a phone. Every one is an expected end of an attempt:
 *
 * - `answered`        200 OK; the audio path is open
 * - `busy`            486, 600
 * - `no_answer`       it rang in vain: our time was up, or 408, 480, 487
 * - `invalid_number`  404, 410, 484, 604
 * - `dial_failed`     anything else that was refused or broken: 603, 403, 5xx, a trunk that is not
 *                     there, a login that is wrong. Nothing rings any more.
 * - `cancelled`       given up by us, while it rang or before
 * - `unknown`         nobody can tell whether the phone rang. Dialling again might call twice.
 */
export interface DialOutcome {
  outcome:
    | 'answered'
    | 'busy'
    | 'no_answer'
    | 'invalid_number'
    | 'dial_failed'
    | 'cancelled'
    | 'unknown';
  /** The status that the far side sent, where one came. */
  sipStatus: number | null;
  /** For people: its reason phrase, or LiveKit's code; '' where there is nothing to say. */
  reason: string;
}

const BUSY = new Set([486, 600]);
const NO_ANSWER = new Set([408, 480, 487]);
const INVALID_NUMBER = new Set([404, 410, 484, 604]);

export function outcomeOfStatus(sipStatus: number, reason: string): DialOutcome {
  if (BUSY.has(sipStatus)) return { outcome: 'busy', sipStatus, reason };
  if (NO_ANSWER.has(sipStatus)) return { outcome: 'no_answer', sipStatus, reason };
  if (INVALID_NUMBER.has(sipStatus)) return { outcome: 'invalid_number', sipStatus, reason };
  return { outcome: 'dial_failed', sipStatus, reason };
}

export function without(status: DialOutcome['outcome'], reason = ''): DialOutcome {
  return { outcome: status, sipStatus: null, reason };
}

/**
 * What a failed `createSipParticipant` says:
 *
 * - an outcome
 * - `not_dialled`  livekit-sip had no room for the call: it may be asked once more
 * - `lost`         no answer of LiveKit's, so the phone may be ringing
 */
export function outcomeOfError(
  error: unknown,
  { ringingTimedOut }: { ringingTimedOut: boolean },
): DialOutcome | 'not_dialled' | 'lost' {
  if (error instanceof SipCallError && error.sipStatusCode) {
    return outcomeOfStatus(error.sipStatusCode, error.sipStatus ?? '');
  }
  if (!(error instanceof TwirpError) || error.code === undefined) {
    // Refused connections and unknown hosts: the request never left. Whatever else breaks a
    // request, a proxy's 502 among it, says nothing about what LiveKit does meanwhile.
    return neverSent(error) ? without('dial_failed', 'livekit_unreachable') : 'lost';
  }
  switch (error.code) {
    case 'canceled':
      if (/failed to complete/.test(error.message)) return without('dial_failed', NO_CARRIER);
      return ringingTimedOut ? without('no_answer') : without('cancelled');
    case 'unavailable':
      return 'not_dialled';
    case 'deadline_exceeded':
    case 'unknown':
      return 'lost';
    default:
      return without('dial_failed', reasonOf(error));
  }
}

/** livekit-sip repeated its INVITE for 32 s and heard nothing that would count (Timer B). */
const NO_CARRIER = 'the carrier does not answer';

const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH']);

function neverSent(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' && NEVER_SENT.has(code);
}

/** LiveKit's message is for its log; of what can happen to an operator one has its own words. */
function reasonOf(error: TwirpError): string {
  return /auth/i.test(error.message) ? 'the carrier refuses the login' : (error.code ?? '');
}

/**
 * What it means that a phone left the room before it was `active`: all there is to go by for a call
 * that was adopted after its process died. Statuses do not reach the room, so `busy` and
 * `invalid_number` cannot be told from their neighbours: livekit-sip says USER_REJECTED for 486,
 * 603 and 403 alike, USER_UNAVAILABLE for 404, 408, 480 and a phone that rang in vain. A phone
 * that LiveKit lost may have been answered, and have hung up, while nobody was there to see it.
 */
export function outcomeOfDeparture(reason: DisconnectReason | undefined): DialOutcome {
  switch (reason) {
    case DisconnectReason.USER_UNAVAILABLE:
      return without('no_answer', 'unavailable');
    case DisconnectReason.USER_REJECTED:
      return without('dial_failed', 'rejected');
    case DisconnectReason.PARTICIPANT_REMOVED:
    case DisconnectReason.ROOM_DELETED:
    case DisconnectReason.ROOM_CLOSED:
      return without('cancelled');
    case DisconnectReason.CONNECTION_TIMEOUT:
      return without('unknown', 'the phone was lost');
    default:
      return without('dial_failed', reason === undefined ? '' : DisconnectReason[reason]);
  }
}
