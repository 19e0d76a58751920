import type { Profile } from '../config/profile.ts';
import { createCrm } from '../crm/select_crm.ts';
import { isCallwireError } from '../errors.ts';
import type { BackendKey } from '../hooks/backend_key.ts';
import type { LedgerClient } from '../ledger/client.ts';
import { consultBackend } from './backend_call.ts';
import type { ContextState } from './call_journal.ts';
import { type CallerContext, loadCallerContext } from './caller_context.ts';
import { forwardCall } from './forward_call.ts';
import { instructions } from './instructions.ts';
import type { LiveCall } from './live_call.ts';
import { CallModel, type CallModelOptions } from './realtime_model.ts';

/**
 * What a call needs before anybody speaks, at the same time and under one budget: what the CRM knows
 * of the other party, what the start hook says of the agent, and the connection to the model. Whoever
 * cannot have it ends the call here: `model_unavailable`, or `context_unavailable` where the profile wants
 * no call without; a start hook can turn it away or have it forwarded.
 *
 * `beside` is done meanwhile; its failure is the caller's.
 */
export async function prepareCall(
  call: LiveCall,
  ledger: LedgerClient,
  { profile, phone, beside, resumed = false }: Preparation,
): Promise<void> {
  const { settings, ending, log } = call;
  const { signal } = ending;
  call.profile = profile;
  const crm = createCrm(settings.crm, ledger);
  call.crm = crm;
  const budgetMs = profile.context.budgetMs ?? settings.calls.contextBudgetMs;
  const context = loadCallerContext({ crm, phone, budgetMs, signal });
  const [known, agent] = await Promise.all([
    context,
    profile.hooks ? agentOfBackend(call, context, resumed) : agentOfProfile(call),
    beside,
  ]);
  signal.throwIfAborted();

  takeContext(call, known, agent);
  if (agent.kind === 'forward') await forwardCall(call, agent.to);
  else if (agent.kind === 'reject') await ending.end('rejected');
  else if (agent.modelError) await endWithoutModel(call, agent.modelError);
  else {
    const inHand = profile.hooks ? agent.kind === 'backend' : known.state === 'ready';
    if (!inHand && profile.context.onMissing !== 'answer') {
      log.warn({ context: known.state }, 'no context in time, and the profile wants it');
      const target = forwardOnMissing(call);
      if (target !== null) await forwardCall(call, target);
      else await ending.end('context_unavailable');
    }
  }
  signal.throwIfAborted();
}

/** Somebody whom we call is not forwarded. */
function forwardOnMissing({ direction, profile }: LiveCall): string | null {
  if (direction !== 'inbound' || profile?.context.onMissing !== 'forward') return null;
  return profile.transfers[profile.context.forwardTo ?? '']?.to ?? null;
}

export interface Preparation {
  profile: Profile;
  phone: string | null;
  beside?: Promise<unknown>;
  /** A process that had the call before is dead. */
  resumed?: boolean;
}

/** Who speaks, and whether the model is there for it. */
type PreparedAgent =
  | { kind: 'profile' | 'backend' | 'missing'; modelError: unknown }
  | { kind: 'reject' }
  | { kind: 'forward'; to: string };

async function agentOfProfile(call: LiveCall): Promise<PreparedAgent> {
  return { kind: 'profile', modelError: await connectModel(call) };
}

/**
 * The start hook may choose the model's key, its name and its voice. Most leave them, so the model of the
 * profile is connected while the backend thinks: it saves the caller the handshake. Without a key of its own
 * there is nothing to begin with.
 */
async function agentOfBackend(
  call: LiveCall,
  context: Promise<CallerContext>,
  resumed: boolean,
): Promise<PreparedAgent> {
  if (call.settings.openai.apiKey) void connectModel(call);
  const consulted = await consultBackend(call, { context, resumed });
  if (consulted.kind === 'agent') {
    return { kind: 'backend', modelError: await connectModel(call, consulted.apiKey) };
  }
  if (consulted.kind === 'missing' && call.profile?.context.onMissing === 'answer') {
    return { kind: 'missing', modelError: await connectModel(call) };
  }
  void call.model?.discard();
  return consulted.kind === 'missing' ? { kind: 'missing', modelError: null } : consulted;
}

/** The error where there is no model, else `null`. One that is connected already as it is wanted is kept. */
async function connectModel(call: LiveCall, key?: BackendKey): Promise<unknown> {
  const wanted = modelOptions(call, key);
  if (!call.model?.isMadeOf(wanted)) {
    void call.model?.discard();
    call.model = new CallModel(wanted);
  }
  return await call.model.connect(call.ending.signal).then(
    () => null,
    (error: unknown) => error,
  );
}

function modelOptions(call: LiveCall, key?: BackendKey): CallModelOptions {
  const { profile, settings, direction } = call;
  if (!profile) throw new Error('a call has a profile before it has a model');
  return {
    model: profile.model,
    voice: profile.voice,
    language: profile.language.split('-')[0],
    turnDetection: profile.turnDetection,
    noiseReduction: profile.noiseReduction,
    bargeIn: profile.bargeIn,
    // Whom we call may be a machine, which must not be answered.
    listensOnly: direction === 'outbound',
    apiKey: key?.reveal() ?? settings.openai.apiKey ?? '',
    baseUrl: settings.openai.baseUrl,
  };
}

async function endWithoutModel({ journal, ending, log }: LiveCall, error: unknown): Promise<void> {
  const { code, message } = isCallwireError(error)
    ? error
    : { code: 'MODEL_UNREACHABLE', message: 'the model cannot be reached' };
  log.error({ err: error, code }, 'no model: nobody could speak');
  journal.error(code.toLowerCase(), message).catch(() => undefined);
  await ending.end('model_unavailable');
}

/** Notes what is known, and merges what comes later into the running conversation. */
function takeContext(call: LiveCall, context: CallerContext, agent: PreparedAgent): void {
  const { journal, log } = call;
  const note = (state: ContextState, ms: number, contact: CallerContext['contact']) => {
    journal.context(state, ms, contact).catch(() => undefined);
    log.info({ context: state, ms, known: contact !== null }, 'caller context');
  };
  // An agent without its backend's word knows less than the CRM does of the caller.
  const lacking = agent.kind === 'missing' && !call.backend?.agent;
  const state = lacking && context.state === 'ready' ? 'pending' : context.state;
  note(state, context.ms, context.contact);
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
