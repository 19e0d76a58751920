import type { JobContext } from '@livekit/agents';
import type { RemoteParticipant } from '@livekit/rtc-node';
import { newId } from '../ids.ts';
import type { LedgerClient } from '../ledger/client.ts';
import {
  readSipCaller,
  waitForSipParticipant,
  waitUntilActive,
} from '../telephony/sip_participant.ts';
import { noteAnswer, orEnded, startAgent } from './agent_session.ts';
import { beginCall } from './begin_call.ts';
import { CallEnded } from './call_ending.ts';
import type { CallRuntime } from './call_runtime.ts';
import { converse } from './conversation.ts';
import { CallProfiles } from './current_profiles.ts';
import { disown } from './disown.ts';
import type { LiveCall } from './live_call.ts';
import { prepareCall } from './prepare_call.ts';
import { isAnothers } from './room_claim.ts';

/** The room exists because a phone joined it: the phone is there, or it has already given up. */
const CALLER_LIMIT_MS = 5_000;

/** livekit-sip answers within milliseconds of the agent's audio; a carrier's ACK may take longer. */
const ANSWER_LIMIT_MS = 15_000;

/** How long the number of a caller's other calls may hold up the answer. */
const COUNT_LIMIT_MS = 500;

/**
 * One inbound call, ring to hang-up. Resolves when the conversation runs (the rest is driven by
 * events) or the call is over; never rejects.
 *
 * ```
 * ringing ─► who calls? ─► context + model, in parallel ─► answer ─► active ─► greeting ─► talk
 *    └────────── every step can be the last: CallEnding decides once, finishCall does it ──────┘
 * ```
 */
export async function answerCall(job: JobContext, runtime: CallRuntime): Promise<void> {
  const { call, ledger } = beginCall(job, runtime, {
    id: newId('call'),
    lease: 1,
    direction: 'inbound',
    opened: false,
  });
  try {
    await ring(call, runtime, ledger);
    await answer(call);
    await converse(call, ledger);
  } catch (error) {
    if (error instanceof CallEnded) return;
    call.log.error({ err: error }, 'the call broke');
    await call.ending.end('error');
  }
}

/** Who calls whom, what the CRM knows, and is the model there? Nothing here answers the phone. */
async function ring(call: LiveCall, runtime: CallRuntime, ledger: LedgerClient): Promise<void> {
  const { job, ending, journal, log } = call;
  const signal = ending.signal;
  const profiles = new CallProfiles(ledger, runtime.profiles, { signal, log });
  const anothers = isAnothers(call, ledger);
  await orEnded(job.connect(), signal);
  const phone = await waitForCaller(call);
  if (await anothers) {
    log.warn('another process has this caller, or had: nothing is opened');
    await disown(call);
  }
  const caller = readSipCaller(phone);
  call.caller = caller;
  const profile = await profiles.agent((of) => of.forNumber(caller.to));

  call.opened = true;
  const started = journal.started({
    id: call.id,
    direction: 'inbound',
    from: caller.from,
    to: caller.to,
    agentId: profile?.id ?? '',
    room: job.room.name ?? '',
    metadata: Object.keys(caller.headers).length > 0 ? { sip_headers: caller.headers } : {},
    time: call.startedAt,
  });
  log.info({ agent: profile?.id, pii: { from: caller.from, to: caller.to } }, 'ringing');
  if (!profile) {
    started.catch(() => undefined);
    log.warn({ pii: { to: caller.to } }, 'no agent profile answers this number');
    await ending.end('rejected');
    return signal.throwIfAborted();
  }
  await prepareCall(call, ledger, {
    profile,
    phone: caller.from,
    beside: rejectBeyondLimit(call, ledger, started),
  });
}

async function waitForCaller(call: LiveCall): Promise<RemoteParticipant> {
  const { job, ending, log } = call;
  const limit = AbortSignal.any([ending.signal, AbortSignal.timeout(CALLER_LIMIT_MS)]);
  try {
    return await waitForSipParticipant(job.room, limit);
  } catch {
    ending.signal.throwIfAborted();
    log.warn('no phone in the room');
    await ending.end('caller_hung_up');
    throw new CallEnded('caller_hung_up');
  }
}

/** MAX_CALLS_PER_CALLER. Not knowing how many there are is no reason to refuse. */
async function rejectBeyondLimit(
  call: LiveCall,
  ledger: LedgerClient,
  started: Promise<void>,
): Promise<void> {
  const others = await countOtherCalls(call, ledger, started);
  if (others < call.settings.calls.maxPerCaller) return;
  call.log.warn({ otherCalls: others }, 'MAX_CALLS_PER_CALLER reached');
  await call.ending.end('rejected');
}

async function countOtherCalls(
  call: LiveCall,
  ledger: LedgerClient,
  started: Promise<void>,
): Promise<number> {
  const from = call.caller?.from ?? null;
  const limit = AbortSignal.any([call.ending.signal, AbortSignal.timeout(COUNT_LIMIT_MS)]);
  try {
    await started;
    if (from === null) return 0;
    // This call is in the ledger by now, and counts.
    return (await ledger.request<number>('calls.countLive', { from }, limit)) - 1;
  } catch (error) {
    if (!call.ending.signal.aborted) call.log.warn({ err: error }, 'calls of this caller unknown');
    return 0;
  }
}

/** Publishes the agent's audio, which answers the phone, and waits until the phone can hear it. */
async function answer(call: LiveCall): Promise<void> {
  const { job, ending, caller, log } = call;
  if (!caller) throw new Error('answered before anybody rang');
  // The SIP leg becomes active while the session still starts: watching from before costs nothing.
  const limit = AbortSignal.any([ending.signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]);
  const active = waitUntilActive(job.room, caller.identity, limit).then(() => noteAnswer(call));
  const started = startAgent(call, caller.identity);
  try {
    await Promise.all([active, orEnded(started, limit)]);
  } catch (error) {
    ending.signal.throwIfAborted();
    log.error({ err: error }, 'the phone was not answered in time');
    await ending.end('media_lost');
    ending.signal.throwIfAborted();
  }
}
