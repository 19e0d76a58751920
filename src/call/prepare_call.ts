import type { Profile } from '../config/profile.ts';
import { createCrm } from '../crm/select_crm.ts';
import { isCallwireError } from '../errors.ts';
import type { LedgerClient } from '../ledger/client.ts';
import type { ContextState } from './call_journal.ts';
import { type CallerContext, loadCallerContext } from './caller_context.ts';
import { instructions } from './instructions.ts';
import type { LiveCall } from './live_call.ts';
import { CallModel } from './realtime_model.ts';

/**
 * What a call needs before anybody speaks, at the same time and under one budget: what the CRM knows
 * of the other party, and the connection to the model. Whoever cannot have it ends the call here:
 * `model_unavailable`, or `context_unavailable` where the profile wants no call without.
 *
 * `beside` is done meanwhile; its failure is the caller's.
 */
export async function prepareCall(
  call: LiveCall,
  ledger: LedgerClient,
  { profile, phone, beside }: { profile: Profile; phone: string | null; beside?: Promise<unknown> },
): Promise<void> {
  const { settings, ending, journal, log } = call;
  const { signal } = ending;
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
  const [context, modelError] = await Promise.all([
    loadCallerContext({ crm, phone, budgetMs, signal }),
    model.connect(signal).then(
      () => null,
      (error: unknown) => error,
    ),
    beside,
  ]);
  signal.throwIfAborted();

  takeContext(call, context);
  if (modelError) {
    const { code, message } = isCallwireError(modelError)
      ? modelError
      : { code: 'MODEL_UNREACHABLE', message: 'the model cannot be reached' };
    log.error({ err: modelError, code }, 'no model: nobody could speak');
    journal.error(code.toLowerCase(), message).catch(() => undefined);
    await ending.end('model_unavailable');
  } else if (context.state !== 'ready' && profile.context.onMissing === 'reject') {
    log.warn({ context: context.state }, 'no context in time, and the profile wants it');
    await ending.end('context_unavailable');
  }
  signal.throwIfAborted();
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
