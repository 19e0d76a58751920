import { RoomEvent } from '@livekit/rtc-node';
import { toE164 } from '../config/phone_number.ts';
import type { EndReason } from '../events/catalogue.ts';
import type { LedgerClient } from '../ledger/client.ts';
import type { CallOpening } from '../store/store.ts';
import { deleteRoom } from '../telephony/livekit_api.ts';
import { lastWordsHeard } from './last_words.ts';
import type { LiveCall } from './live_call.ts';
import { BUSY_HERE, REQUEST_TERMINATED } from './missed_call.ts';
import { isAnothers } from './room_claim.ts';
import { playTechnicalDifficulties } from './spoken_notice.ts';
import { sessionUsage } from './usage.ts';

/** Deadlines, so that nothing outside can keep a dead call alive. */
const NOTICE_LIMIT_MS = 12_000;
const TRANSFERRED_LEG_LIMIT_MS = 3_000;
const HANG_UP_LIMIT_MS = 6_000;
const SESSION_LIMIT_MS = 3_000;
/** Nobody has said anything, so there is nothing in it to wait for. */
const UNHEARD_SESSION_LIMIT_MS = 250;
const RECORDING_LIMIT_MS = 3_000;
const LEDGER_LIMIT_MS = 5_000;

/**
 * agents-js waits 60 s for a session that does not close (one whose phone left before it had
 * subscribed to the agent's audio never does), and the call's slot would be taken all the while.
 */
const EXIT_LIMIT_MS = 1_000;

/**
 * Ends a call in the only order that keeps every promise: the caller hears why, the phone leg is
 * dropped, what was said last is collected, the end is written (so that "ended" is true when it is
 * read), the process leaves. Each step has a deadline and none can stop the next. Never rejects.
 */
export async function finishCall(
  call: LiveCall,
  ledger: LedgerClient,
  reason: EndReason,
  playNotice: typeof playTechnicalDifficulties = playTechnicalDifficulties,
): Promise<void> {
  const { job, journal, log, livekit } = call;
  const answered = call.answeredAt !== undefined;
  const owned = !ledger.fenced.aborted && !call.disowned && !(await isRecorded(call, ledger));
  let sessionClosed: boolean;
  if (owned) {
    if (reason === 'model_unavailable' && answered) await apologise(call, playNotice);
    if (LAST_WORD_IS_OURS.has(reason)) await lastWordsHeard(call);
    if (reason === 'transferred' || reason === 'forwarded') await transferredLegGone(call);
    // A phone that is being dialled makes its room anew where that is gone.
    await quietly(log, 'the phone could not be hung up', () =>
      within(HANG_UP_LIMIT_MS, call.dialling),
    );
    const deleteOurs = () =>
      quietly(log, 'deleting the room failed', () =>
        deleteRoom(livekit.rooms, job.room.name ?? job.job.room?.name ?? ''),
      );
    const [, closed] = await Promise.all([deleteOurs(), closeSession(call), endRecording(call)]);
    sessionClosed = closed;
    const failed = answered ? null : { sipStatus: sipStatusOf(call, reason) };
    if (!call.opened) await quietly(log, 'opening failed', () => journal.started(unopened(call)));
    await quietly(log, 'writing the end failed', () =>
      journal.ended(reason, failed, sessionUsage(call)).catch((error: unknown) => {
        if (!ledger.fenced.aborted) throw error;
        log.info('whoever has taken the call over writes its end');
      }),
    );
    // Whoever was still on the way into it has made it anew, and LiveKit keeps an empty one for 5 min.
    if (call.dialling && !answered) await deleteOurs();
  } else {
    [sessionClosed] = await Promise.all([
      quietly(log, 'closing the session failed', () =>
        within(SESSION_LIMIT_MS, call.session?.close()),
      ),
      endRecording(call),
    ]);
  }
  await quietly(log, 'leaving the ledger failed', () =>
    ledger.close({ deadlineMs: LEDGER_LIMIT_MS }),
  );
  const duration = call.answeredAt === undefined ? 0 : Date.now() - call.answeredAt;
  log.info({ end_reason: reason, answered, duration_ms: duration, owned }, 'call ended');
  job.shutdown(reason);
  if (!sessionClosed) setTimeout(() => process.exit(0), EXIT_LIMIT_MS).unref();
}

/**
 * A process that came too late finds no phone because its caller has been with another one, or was
 * refused: what it would open is a second record of one phone call.
 */
async function isRecorded(call: LiveCall, ledger: LedgerClient): Promise<boolean> {
  if (call.opened || !(await isAnothers(call, ledger))) return false;
  call.log.warn('this caller is recorded already: the end is not');
  return true;
}

/**
 * A call that ended before it had an agent, or before we saw its caller in the room: who gave up at the
 * first ring is a missed call too. livekit-sip puts the caller's number into the name of the room.
 */
function unopened(call: LiveCall): CallOpening {
  const room = call.job.job.room?.name ?? '';
  const seen = call.caller ?? { from: toE164(/^call_(\+?\d+)_/.exec(room)?.[1] ?? ''), to: '' };
  return {
    id: call.id,
    direction: 'inbound',
    from: seen.from,
    to: seen.to,
    agentId: '',
    room,
    metadata: {},
    time: call.startedAt,
  };
}

/** Of a call that was never answered. Of an outbound one only what the far side has said. */
function sipStatusOf({ direction, failedWith = null }: LiveCall, reason: EndReason): number | null {
  if (direction === 'outbound') return failedWith;
  return reason === 'caller_hung_up' ? REQUEST_TERMINATED : BUSY_HERE;
}

/** Reasons behind which something was said that the caller shall hear to its end. */
const LAST_WORD_IS_OURS: ReadonlySet<EndReason> = new Set([
  'agent_hung_up',
  'max_duration',
  'model_unavailable',
  'shutdown',
  'silence',
]);

/** The model is gone, the caller is not: a recording says why the line goes dead. */
async function apologise(
  call: LiveCall,
  playNotice: typeof playTechnicalDifficulties,
): Promise<void> {
  const { job, caller, log } = call;
  if (!caller || !job.room.remoteParticipants.has(caller.identity)) return;
  const limit = AbortSignal.timeout(NOTICE_LIMIT_MS);
  const stop = new AbortController();
  job.room.on(RoomEvent.ParticipantDisconnected, () => stop.abort());
  await quietly(log, 'the notice was not played', () =>
    within(NOTICE_LIMIT_MS, playNotice(job.room, AbortSignal.any([limit, stop.signal]))),
  );
}

/** After a confirmed REFER livekit-sip says BYE itself; deleting the room first could cut it off. */
function transferredLegGone(call: LiveCall): Promise<void> {
  const { job, caller } = call;
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      job.room.off(RoomEvent.ParticipantDisconnected, check);
      resolve();
    };
    const check = () => {
      if (!caller || !job.room.remoteParticipants.has(caller.identity)) done();
    };
    const timer = setTimeout(done, TRANSFERRED_LEG_LIMIT_MS);
    job.room.on(RoomEvent.ParticipantDisconnected, check);
    check();
  });
}

/** `false` where it does not close in time: that of a phone that was never answered mostly does not. */
function closeSession(call: LiveCall): Promise<boolean> {
  const closing = call.session?.close() ?? call.model?.discard();
  if (call.answeredAt === undefined) {
    return within(UNHEARD_SESSION_LIMIT_MS, closing).then(
      () => true,
      () => false,
    );
  }
  return quietly(call.log, 'closing the session failed', () => within(SESSION_LIMIT_MS, closing));
}

/** Before the end is written: from then on the worker takes the file as it is. */
function endRecording({ recording, log }: LiveCall): Promise<boolean> {
  return quietly(log, 'ending the recording failed', () =>
    within(RECORDING_LIMIT_MS, recording?.stop()),
  );
}

async function quietly(
  log: LiveCall['log'],
  message: string,
  step: () => Promise<unknown>,
): Promise<boolean> {
  try {
    await step();
    return true;
  } catch (error) {
    log.warn({ err: error }, message);
    return false;
  }
}

async function within(ms: number, work: Promise<unknown> | undefined): Promise<void> {
  if (!work) return;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${ms} ms`)), ms);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
