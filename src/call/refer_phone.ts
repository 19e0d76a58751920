import { type ReferOutcome, refer } from '../telephony/refer.ts';
import { lastWordsHeard } from './last_words.ts';
import type { LiveCall } from './live_call.ts';

/** Until the REFER's outcome is known, and for ever where it is not, the phone may leave for it. */
export async function referPhone(call: LiveCall, to: string): Promise<ReferOutcome> {
  const { job, livekit, ending } = call;
  const identity = call.caller?.identity ?? '';
  await lastWordsHeard(call);
  ending.signal.throwIfAborted();
  call.transfer = 'pending';
  const outcome = await refer({ sip: livekit.sip, room: job.room, identity, to });
  if (outcome.outcome === 'failed') {
    delete call.transfer;
    // It left while the outcome was awaited, which nobody took for a hang-up then.
    if (!job.room.remoteParticipants.has(identity)) void ending.end('caller_hung_up');
  } else if (outcome.outcome === 'unconfirmed' && !outcome.callerGone) {
    call.transfer = 'unconfirmed';
  }
  return outcome;
}
