import { type JobContext, voice } from '@livekit/agents';
import { type RemoteParticipant, RoomEvent } from '@livekit/rtc-node';
import { logger } from '../config/log.ts';
import { createCrm } from '../crm/select_crm.ts';
import { isCallwireError } from '../errors.ts';
import { newId } from '../ids.ts';
import { LedgerClient } from '../ledger/client.ts';
import { livekitApi } from '../telephony/livekit_api.ts';
import {
  departureOf,
  readSipCaller,
  waitForSipParticipant,
  waitUntilActive,
} from '../telephony/sip_participant.ts';
import { builtInTools } from '../tools/built_in_tools.ts';
import { Announcer } from './announcer.ts';
import { CallEnded, CallEnding } from './call_ending.ts';
import { CallJournal, type ContextState } from './call_journal.ts';
import type { CallRuntime } from './call_runtime.ts';
import { toolContext } from './call_tool_context.ts';
import { type CallerContext, loadCallerContext } from './caller_context.ts';
import { createSession, cutOffAtOnce, startSession } from './caller_session.ts';
import { converse } from './conversation.ts';
import { finishCall } from './finish_call.ts';
import { instructions } from './instructions.ts';
import { contactInHand, type LiveCall } from './live_call.ts';
import { watchMedia } from './media_watch.ts';
import { ModelTools } from './model_tools.ts';
import { watchPhone } from './phone_watch.ts';
import { CallModel } from './realtime_model.ts';

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
  const { settings, socketPath, spoolDir } = runtime;
  const id = newId('call');
  const log = logger('call').child({ call: id, room: job.job.room?.name });
  const ledger = new LedgerClient({ callId: id, lease: 1, socketPath, spoolDir });
  const ending = new CallEnding();
  const call: LiveCall = {
    id,
    job,
    settings,
    log,
    livekit: livekitApi(settings.livekit),
    journal: new CallJournal(id, ledger, log),
    ending,
    startedAt: Date.now(),
    opened: false,
    contact: { state: 'none' },
  };
  ending.onEnd((reason) => finishCall(call, ledger, reason));
  // The job must not exit before the end is written, whoever asked it to.
  job.addShutdownCallback(async () => {
    await ending.end('shutdown');
  });
  endWithTheWorld(call, ledger);

  try {
    await ring(call, runtime, ledger);
    await answer(call);
    await converse(call, ledger);
  } catch (error) {
    if (error instanceof CallEnded) return;
    log.error({ err: error }, 'the call broke');
    await ending.end('error');
  }
}

/** Who calls whom, what the CRM knows, and is the model there? Nothing here answers the phone. */
async function ring(call: LiveCall, runtime: CallRuntime, ledger: LedgerClient): Promise<void> {
  const { job, settings, ending, journal, log } = call;
  const signal = ending.signal;
  await orEnded(job.connect(), signal);
  const phone = await waitForCaller(call);
  const caller = readSipCaller(phone);
  call.caller = caller;
  const profile = runtime.profiles.forNumber(caller.to);

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
  call.profile = profile;

  const crm = createCrm(settings.crm, ledger);
  call.crm = crm;
  const model = new CallModel({
    model: profile.model,
    voice: profile.voice,
    language: profile.language.split('-')[0],
    apiKey: settings.openai.apiKey ?? '',
    baseUrl: settings.openai.baseUrl,
  });
  call.model = model;
  const budgetMs = profile.context.budgetMs ?? settings.calls.contextBudgetMs;
  const [context, modelError, otherCalls] = await Promise.all([
    loadCallerContext({ crm, phone: caller.from, budgetMs, signal }),
    model.connect(signal).then(
      () => null,
      (error: unknown) => error,
    ),
    countOtherCalls(call, ledger, started),
  ]);
  signal.throwIfAborted();

  takeContext(call, context);
  if (otherCalls >= settings.calls.maxPerCaller) {
    log.warn({ otherCalls }, 'MAX_CALLS_PER_CALLER reached');
    await ending.end('rejected');
  } else if (modelError) {
    const { code, message } = isCallwireError(modelError)
      ? modelError
      : { code: 'MODEL_UNREACHABLE', message: 'the model cannot be reached' };
    log.error({ err: modelError, code }, 'no model: the phone is not answered');
    journal.error(code.toLowerCase(), message).catch(() => undefined);
    await ending.end('model_unavailable');
  } else if (context.state !== 'ready' && profile.context.onMissing === 'reject') {
    log.warn({ context: context.state }, 'no context in time: the phone is not answered');
    await ending.end('context_unavailable');
  }
  signal.throwIfAborted();
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

/** The other calls of this caller that have not ended. Not knowing is no reason to refuse. */
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

/** Notes what is known, and merges what comes later into the running conversation. */
function takeContext(call: LiveCall, context: CallerContext): void {
  const { journal, log } = call;
  const note = (state: ContextState, ms: number, contact: CallerContext['contact']) => {
    journal.context(state, ms, contact).catch(() => undefined);
    log.info({ context: state, ms, known: contact !== null }, 'caller context');
  };
  note(context.state, context.ms, context.contact);
  if (context.state === 'ready') {
    call.contact = { state: 'ready', contact: context.contact };
    return;
  }
  if (context.state === 'none') {
    log.info({ code: context.code }, 'no caller context');
    return;
  }
  const late = context.late.then((answer) => {
    if ('code' in answer) throw new Error(answer.code);
    return answer;
  });
  call.contact = { state: 'pending', contact: late.then((answer) => answer.contact) };
  call.contact.contact.catch(() => undefined);
  late.then(
    async (answer) => {
      if (call.ending.signal.aborted) return;
      call.contact = { state: 'ready', contact: answer.contact };
      note('ready', answer.ms, answer.contact);
      if (answer.contact) await call.agent?.updateInstructions(instructions(call));
    },
    (error: Error) => {
      if (call.ending.signal.aborted) return;
      call.contact = { state: 'none' };
      log.warn({ code: error.message }, 'the CRM did not answer');
    },
  );
}

/** Publishes the agent's audio, which answers the phone, and waits until the phone can hear it. */
async function answer(call: LiveCall): Promise<void> {
  const { job, ending, profile, model, caller, log } = call;
  if (!profile || !model || !caller) throw new Error('answered before anybody rang');
  const tools = new ModelTools(model, log);
  const session = createSession(model);
  const agent = new voice.Agent({
    instructions: instructions(call),
    tools: tools.bind(builtInTools(profile.tools, toolContext(call))),
  });
  call.session = session;
  call.agent = agent;
  call.announcer = new Announcer(session, ending.signal, log);
  tools.watch(session, agent);
  cutOffAtOnce(session);

  // The SIP leg becomes active while the session still starts: watching from before costs nothing.
  const limit = AbortSignal.any([ending.signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]);
  const active = waitUntilActive(job.room, caller.identity, limit).then(() => noteAnswer(call));
  const started = startSession(session, agent, job.room, caller.identity);
  try {
    await Promise.all([active, orEnded(started, limit)]);
  } catch (error) {
    ending.signal.throwIfAborted();
    log.error({ err: error }, 'the phone was not answered in time');
    await ending.end('media_lost');
    ending.signal.throwIfAborted();
  }
}

function noteAnswer(call: LiveCall): void {
  call.answeredAt = Date.now();
  const context = call.contact.state;
  const ringMs = call.answeredAt - call.startedAt;
  call.journal.answered(ringMs, context).catch(() => undefined);
  call.log.info({ ring_ms: ringMs, context, known: contactInHand(call) !== null }, 'answered');
}

/**
 * For what has no signal of its own: connecting to a room or publishing into it can stay open for
 * ever when the caller has gone meanwhile, and the process would linger in its slot.
 */
function orEnded<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  work.catch(() => undefined);
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Everything outside that can end a call: the phone, the room, the worker, another owner. */
function endWithTheWorld(call: LiveCall, ledger: LedgerClient): void {
  const { job, ending } = call;
  watchPhone(call);
  watchMedia(call);
  job.room.on(RoomEvent.Disconnected, (reason) => {
    const removed = departureOf(reason) === 'removed';
    void ending.end(removed ? 'ended_by_api' : 'media_lost');
  });
  // The channel to the worker closes when the worker is gone, however it went.
  process.once('disconnect', () => void ending.end('worker_lost'));
  ledger.fenced.addEventListener('abort', () => void ending.end('worker_lost'), { once: true });
}
