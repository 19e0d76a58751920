import { setTimeout as sleep } from 'node:timers/promises';
import type { JobContext } from '@livekit/agents';
import { isCallwireError } from '../errors.ts';
import { ANSWER_UNKNOWN } from '../events/answer_unknown.ts';
import type { EndReason } from '../events/catalogue.ts';
import type { LedgerClient } from '../ledger/client.ts';
import { dial } from '../telephony/dial.ts';
import type { DialOutcome } from '../telephony/dial_outcome.ts';
import { followLeg, onRinging } from '../telephony/dialled_leg.ts';
import { deleteRoom } from '../telephony/livekit_api.ts';
import { waitUntilActive } from '../telephony/sip_participant.ts';
import { noteAnswer, orEnded, startAgent } from './agent_session.ts';
import { beginCall } from './begin_call.ts';
import { CallEnded } from './call_ending.ts';
import type { CallRuntime } from './call_runtime.ts';
import type { CallTicket } from './call_ticket.ts';
import { converse, maxMinutes } from './conversation.ts';
import { CallProfiles } from './current_profiles.ts';
import { askForOrder, beginDialling, CALL_OVER, type DialOrder, endWanted } from './dial_orders.ts';
import { disown } from './disown.ts';
import type { LiveCall } from './live_call.ts';
import { PHONE_IDENTITY } from './phone_identity.ts';
import { prepareCall } from './prepare_call.ts';

/** The worker answers from memory and its store; without it nothing is dialled. */
const WORKER_LIMIT_MS = 5_000;

/** An adopted phone is in the room already, or the adoption came too late. */
const ADOPTED_LIMIT_MS = 3_000;

/** A phone that was answered has been in the room for longer than its news needs to reach us. */
const SEEN_LIMIT_MS = 2_000;

interface Joining {
  order: DialOrder;
  /** Resolves when this process is in the room. */
  connected: Promise<void>;
}

/**
 * One outbound call, from the dispatch to the hang-up. Never rejects.
 *
 * ```
 * taken ─► whom? ─► context + model ─► begun ─► INVITE ─► ringing ─► answered ─► greeting ─► talk
 *   │                                    ▲ committed: whatever dies from here on, nobody dials again
 *   └─ task `adopt`: a process that had dialled is dead ──► the phone is in the room ───┘
 *          every step can be the last: CallEnding decides once, finishCall does it
 * ```
 *
 * Nothing rings before context and model are there: a callee who says hello is heard, and known. The
 * room is joined meanwhile; where that fails, the phone is hung up.
 */
export async function placeCall(
  job: JobContext,
  runtime: CallRuntime,
  ticket: CallTicket,
): Promise<void> {
  const { call, ledger } = beginCall(job, runtime, {
    id: ticket.call,
    lease: ticket.lease,
    direction: 'outbound',
    opened: true,
  });
  const { ending } = call;
  endWanted(ledger, ticket, ending.signal).then(
    () => ending.end('ended_by_api'),
    () => undefined,
  );
  try {
    // Beside all that comes before the INVITE, and the way of that: nothing else takes as long.
    const connected = orEnded(job.connect(), call.ending.signal);
    connected.catch(() => undefined);
    const profiles = new CallProfiles(ledger, runtime.profiles, {
      signal: call.ending.signal,
      log: call.log,
    });
    const order = await takeOrder(call, ledger, { ticket, connected });
    await prepare(call, ledger, { order, profiles, resumed: ticket.task === 'adopt' });
    if (ticket.task === 'dial') await dialPhone(call, ledger, ticket, { order, connected });
    else await adoptPhone(call, { order, connected });
    await converse(call, ledger);
  } catch (error) {
    if (error instanceof CallEnded) return;
    call.log.error({ err: error }, 'the call broke');
    await call.ending.end('error');
  }
}

async function takeOrder(
  call: LiveCall,
  ledger: LedgerClient,
  { ticket, connected }: { ticket: CallTicket; connected: Promise<void> },
): Promise<DialOrder> {
  const order = await askForOrder(ledger, ticket, withinLimit(call)).catch(
    async (error: unknown) => {
      call.ending.signal.throwIfAborted();
      if (isCallwireError(error) && error.code === CALL_OVER) {
        // It was cancelled while we were on our way into its room, and we have made that anew.
        await connected.catch(() => undefined);
        await deleteRoom(call.livekit.rooms, call.job.job.room?.name ?? '').catch((err: unknown) =>
          call.log.warn({ err }, 'the room of a cancelled call was not deleted'),
        );
        call.log.info('the call was over before it was dialled');
        return disown(call, 'ended_by_api');
      }
      // Somebody else has the call, or the worker is gone: either way it is not this process's to end.
      call.log.warn({ err: error }, 'the call is not given to this process');
      return disown(call);
    },
  );
  const { from, to } = order;
  call.caller = { identity: PHONE_IDENTITY, from, to, sipCallId: null, headers: {} };
  call.variables = order.variables;
  call.log.info({ agent: order.agentId, task: ticket.task, pii: { from, to } }, 'placing a call');
  return order;
}

async function prepare(
  call: LiveCall,
  ledger: LedgerClient,
  { order, profiles, resumed }: { order: DialOrder; profiles: CallProfiles; resumed: boolean },
): Promise<void> {
  const profile = await profiles.agent(
    ({ all }) => all.find(({ id }) => id === order.agentId) ?? null,
  );
  if (!profile) {
    const message = 'the agent of this call has no profile any more';
    call.log.error({ agent: order.agentId }, message);
    call.journal.error('agent_unknown', message).catch(() => undefined);
    await call.ending.end('error');
    return call.ending.signal.throwIfAborted();
  }
  await prepareCall(call, ledger, { profile, phone: order.to, resumed });
}

/** From the commit that only this process may dial to the moment both sides hear each other. */
async function dialPhone(
  call: LiveCall,
  ledger: LedgerClient,
  ticket: CallTicket,
  { order, connected }: Joining,
): Promise<void> {
  const { ending, job, log } = call;
  const permission = await beginDialling(ledger, ticket, withinLimit(call)).catch(
    (error: unknown) => {
      ending.signal.throwIfAborted();
      // It may have been committed all the same: then the sweep finds no phone, and ends the call.
      log.error({ err: error }, 'no permission to dial: the worker does not answer');
      return disown(call);
    },
  );
  if (permission === 'fenced') await disown(call);
  if (permission === 'blocked') {
    log.warn('the gate does not let this call be dialled any more');
    await ending.end('blocked');
  }
  ending.signal.throwIfAborted();

  call.startedAt = Date.now();
  const dialled = dial({
    sip: call.livekit.sip,
    rooms: call.livekit.rooms,
    trunkId: order.trunkId,
    to: order.to,
    from: order.from,
    room: job.room,
    // livekit-sip takes its time to join as well: the two of us do it together.
    roomName: job.job.room?.name ?? call.id,
    identity: PHONE_IDENTITY,
    ringingTimeoutInSeconds: call.settings.outbound.ringSeconds,
    maxCallDurationInSeconds: Math.ceil(maxMinutes(call) * 60) + 60,
    signal: ending.signal,
  });
  call.dialling = dialled;
  void dialled.then((outcome) => unlessAnswered(call, outcome));
  await connected;
  onRinging(job.room, PHONE_IDENTITY, () => noteRinging(call));
  void dialled.then(({ outcome }) => (outcome === 'answered' ? unlessThere(call) : undefined));
  await followPhone(call);
}

/** Who answered and hung up again before we were in the room has left it without a word to us. */
async function unlessThere(call: LiveCall): Promise<void> {
  const { job, ending } = call;
  await sleep(SEEN_LIMIT_MS, undefined, { signal: ending.signal }).catch(() => undefined);
  if (ending.signal.aborted || job.room.remoteParticipants.has(PHONE_IDENTITY)) return;
  call.log.info('answered, and gone before this process was there');
  await ending.end('caller_hung_up');
}

/** The phone has been called by a process that is dead. What it says from here on is heard. */
async function adoptPhone(call: LiveCall, { order, connected }: Joining): Promise<void> {
  const { livekit, job, settings } = call;
  await connected;
  if (order.state !== 'ringing') onRinging(job.room, PHONE_IDENTITY, () => noteRinging(call));
  const answered = followPhone(call);
  const followed = followLeg({
    rooms: livekit.rooms,
    room: job.room,
    identity: PHONE_IDENTITY,
    deadline: performance.now() + settings.outbound.ringSeconds * 1_000,
    appearWithinMs: ADOPTED_LIMIT_MS,
    signal: call.ending.signal,
  });
  call.dialling = followed;
  void followed.then((outcome) => unlessAnswered(call, outcome));
  await answered;
}

/**
 * The session starts while the phone rings, deaf: what the far network plays meanwhile (ringback,
 * announcements) must not reach the model. It hears from the answer on, without a gap.
 */
async function followPhone(call: LiveCall): Promise<void> {
  const { job, ending } = call;
  const { signal } = ending;
  const active = waitUntilActive(job.room, PHONE_IDENTITY, signal).then(() => {
    call.session?.input.setAudioEnabled(true);
    noteAnswer(call);
  });
  const started = startAgent(call, PHONE_IDENTITY);
  if (call.answeredAt === undefined) call.session?.input.setAudioEnabled(false);
  await Promise.all([active, orEnded(started, signal)]);
}

function noteRinging({ journal, log }: LiveCall): void {
  log.info('the phone rings');
  journal.ringing().catch(() => undefined);
}

/** How a call ends whose phone was not answered. */
const REASONS: Record<Exclude<DialOutcome['outcome'], 'answered'>, EndReason> = {
  busy: 'busy',
  no_answer: 'no_answer',
  invalid_number: 'invalid_number',
  dial_failed: 'dial_failed',
  cancelled: 'ended_by_api',
  // Nobody can tell whether it rang, or was answered and put down: it is not dialled again.
  unknown: 'dial_failed',
};

function unlessAnswered(call: LiveCall, { outcome, sipStatus, reason }: DialOutcome): void {
  const { ending, journal, log } = call;
  if (outcome === 'answered' || ending.signal.aborted) return;
  call.failedWith = sipStatus;
  log.info({ outcome, sip_status: sipStatus, reason }, 'not answered');
  if (outcome === 'unknown') {
    journal.error(ANSWER_UNKNOWN.code, ANSWER_UNKNOWN.message).catch(() => undefined);
  }
  void ending.end(REASONS[outcome]);
}

function withinLimit({ ending }: LiveCall): AbortSignal {
  return AbortSignal.any([ending.signal, AbortSignal.timeout(WORKER_LIMIT_MS)]);
}
