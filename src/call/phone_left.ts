import type { DisconnectReason } from '@livekit/rtc-node';
import { departureOf } from '../telephony/sip_participant.ts';
import type { LiveCall } from './live_call.ts';

/**
 * How long a phone that leaves during a REFER leaves the end of the call to `transfer_call`, which
 * learns the outcome within a second and writes it down first.
 */
const TRANSFER_OUTCOME_LIMIT_MS = 3_000;

/** Ends a call whose phone has left the room. */
export function phoneLeft(call: LiveCall, reason: DisconnectReason | undefined): void {
  const { ending, log, transfer } = call;
  const departure = departureOf(reason);
  log.info({ departure, reason, transfer }, 'the phone left');
  if (transfer === 'pending') {
    const timer = setTimeout(
      () => void ending.end('transfer_unconfirmed'),
      TRANSFER_OUTCOME_LIMIT_MS,
    );
    ending.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  } else if (call.direction === 'outbound' && call.answeredAt === undefined) {
    // Whoever dials, or follows a phone that was dialled, learns more of it than this reason.
  } else if (transfer === 'unconfirmed') void ending.end('transfer_unconfirmed');
  else if (departure === 'media_lost') void ending.end('media_lost');
  else if (departure === 'removed') void ending.end('ended_by_api');
  else if (departure === 'failed') void ending.end('error');
  else void ending.end('caller_hung_up');
}
