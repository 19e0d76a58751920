import { AudioSource, LocalAudioTrack, TrackPublishOptions, TrackSource } from '@livekit/rtc-node';
import { draftEvent } from '../events/catalogue.ts';
import { waitUntilActive } from '../telephony/sip_participant.ts';
import { noteAnswer, orEnded } from './agent_session.ts';
import type { LiveCall } from './live_call.ts';
import { referPhone } from './refer_phone.ts';

/** livekit-sip answers within milliseconds of the track; a carrier's ACK may take longer. */
const ANSWER_LIMIT_MS = 15_000;

const SAMPLE_RATE = 48_000;

/**
 * Sends a call on that still rings, and ends it. A REFER needs a call that stands, so the phone is answered
 * first, by silence that nobody speaks into (livekit-sip refuses one before the answer with
 * `failed_precondition`, and has no way to answer 302).
 *
 * ```
 * ringing ──► answered by silence ──► REFER ─┬─ confirmed   → call.transferred, ended `forwarded`
 *                                            ├─ unconfirmed → call.transferred, `transfer_unconfirmed`
 *                                            └─ failed      → call.transfer_failed, ended `error`
 * ```
 */
export async function forwardCall(call: LiveCall, to: string): Promise<void> {
  const { ending, journal, log } = call;
  await answerWithSilence(call);
  const outcome = await referPhone(call, to);
  if (outcome.outcome === 'failed') {
    const { sipStatus: sip_status, reason } = outcome;
    log.error({ sip_status, reason }, 'the call could not be forwarded');
    await recorded(
      journal.record(draftEvent('call.transfer_failed', { destination: to, sip_status, reason })),
    );
    await ending.end('error');
    return;
  }
  const data = { destination: to, outcome: outcome.outcome };
  await recorded(journal.record(draftEvent('call.transferred', data)));
  await ending.end(outcome.outcome === 'confirmed' ? 'forwarded' : 'transfer_unconfirmed');
}

async function answerWithSilence(call: LiveCall): Promise<void> {
  const { job, caller, ending } = call;
  if (!caller) throw new Error('forwarded before anybody rang');
  const limit = AbortSignal.any([ending.signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]);
  const active = waitUntilActive(job.room, caller.identity, limit);
  const source = new AudioSource(SAMPLE_RATE, 1);
  const options = new TrackPublishOptions();
  options.source = TrackSource.SOURCE_MICROPHONE;
  const track = LocalAudioTrack.createAudioTrack('silence', source);
  const published = job.room.localParticipant?.publishTrack(track, options);
  try {
    await Promise.all([active, orEnded(Promise.resolve(published), limit)]);
  } catch (error) {
    ending.signal.throwIfAborted();
    call.log.error({ err: error }, 'the phone was not answered in time');
    await ending.end('media_lost');
    ending.signal.throwIfAborted();
  }
  noteAnswer(call);
}

/** What is not written is logged there; the call ends all the same. */
function recorded(written: Promise<void>): Promise<void> {
  return written.catch(() => undefined);
}
