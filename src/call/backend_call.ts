import { setTimeout as sleep } from 'node:timers/promises';
import type { Profile } from '../config/profile.ts';
import { createReachAgents } from '../delivery/reach_agents.ts';
import { isCallwireError } from '../errors.ts';
import type { BackendKey } from '../hooks/backend_key.ts';
import { forwardTarget } from '../hooks/forward_target.ts';
import { loadGreeting } from '../hooks/greeting_audio.ts';
import { hookSecret } from '../hooks/hook_secret.ts';
import { hookTarget } from '../hooks/hook_trust.ts';
import type { BackendAgent, StartAnswer } from '../hooks/start_answer.ts';
import { askStartHook, type StartOutcome } from '../hooks/start_hook.ts';
import { takeBackendTools } from './backend_tools.ts';
import type { CallerContext } from './caller_context.ts';
import { instructions } from './instructions.ts';
import { contactInHand, type LiveCall, otherParty } from './live_call.ts';

/** A start hook may look into a database of its own; the phone rings meanwhile. */
const START_HOOK_BUDGET_MS = 10_000;

/** How long an answer that missed the budget is still waited for, as that of a CRM is. */
const LATE_LIMIT_MS = 30_000;

/** The contact goes with the question where the CRM knows it as soon as this: asking waits for nobody. */
const CONTACT_LIMIT_MS = 50;

const CONNECT_LIMIT_MS = 10_000;

/** From the start hook's answer to the last sample of a recorded greeting. */
const GREETING_LIMIT_MS = 10_000;

/** What the start hook made of a call. */
export type Consulted =
  /** Its answer is in the call; the key serves this call's model and goes nowhere else. */
  | { kind: 'agent'; apiKey: BackendKey | undefined }
  /** No answer in time, or one of no use. */
  | { kind: 'missing' }
  | { kind: 'reject' }
  | { kind: 'forward'; to: string };

/**
 * Asks the start hook of the call's profile, under its budget. An answer that comes later is merged into
 * the conversation: its prompt, its tools and its metadata. Rejects only with the reason of the call's
 * end.
 */
export async function consultBackend(
  call: LiveCall,
  { context, resumed }: { context: Promise<CallerContext>; resumed: boolean },
): Promise<Consulted> {
  const { profile, settings, ending, journal, log } = call;
  const rule = profile?.hooks;
  if (!profile || !rule) throw new Error('only a profile with hooks has a backend');
  const { signal } = ending;
  journal.hook({ end: rule.onCallEnd !== undefined }).catch(() => undefined);
  let secret: string;
  try {
    secret = hookSecret(profile, settings);
  } catch (error) {
    log.error({ err: error }, 'the start hook cannot be signed');
    return missing(call, { code: isCallwireError(error) ? error.code : 'unsigned', status: null });
  }
  const { allowNetworks, proxy } = settings.delivery;
  const agents = createReachAgents({ allowNetworks, proxy, connectTimeoutMs: CONNECT_LIMIT_MS });
  signal.addEventListener('abort', () => void closeSoon(agents), { once: true });
  const toolTarget = rule.onToolCall ? hookTarget(rule, rule.onToolCall, secret) : null;
  call.backend = { rule, secret, agents, toolTarget };

  await Promise.race([context, sleep(CONTACT_LIMIT_MS, undefined, { ref: false })]);
  const budgetMs = profile.context.budgetMs ?? START_HOOK_BUDGET_MS;
  const asked = askStartHook(
    agents,
    hookTarget(rule, rule.onCallStart, secret),
    {
      callId: call.id,
      from: call.caller?.from ?? null,
      to: call.caller?.to ?? '',
      direction: call.direction,
      contact: await contactOf(call, context),
      resumed,
    },
    { deadlineMs: budgetMs + LATE_LIMIT_MS, signal },
  );
  const outcome = await Promise.race([asked, sleep(budgetMs, undefined, { ref: false })]);
  signal.throwIfAborted();
  if (outcome) return take(call, outcome);
  asked.then(
    (late) => takeLate(call, late),
    () => undefined,
  );
  return missing(call, { code: 'late', status: null });
}

/** What is known of the other party by now, in the shape that events have it. */
async function contactOf(call: LiveCall, context: Promise<CallerContext>) {
  const known = await Promise.race([context, Promise.resolve(null)]);
  const contact = known?.contact ?? contactInHand(call);
  if (!contact) return null;
  return { id: contact.id ?? null, name: contact.name ?? null, phone: otherParty(call) };
}

function take(call: LiveCall, outcome: StartOutcome): Consulted {
  const { log } = call;
  if (!outcome.ok) return missing(call, outcome);
  const { answer, ignored, ms } = outcome;
  log.info({ answer: answer.kind, ms }, 'the start hook answered');
  noteIgnored(call, ignored);
  if (answer.kind === 'reject') {
    log.info({ pii: { reason: answer.reason } }, 'the start hook turns the call away');
    return { kind: 'reject' };
  }
  if (answer.kind === 'forward') {
    const to = forwardOf(call, answer);
    if (to !== null) return { kind: 'forward', to };
    if (answer.agent === null) return { kind: 'missing' };
  }
  const agent = answer.agent as BackendAgent;
  takeAgent(call, agent);
  call.profile = asWanted(call.profile as Profile, agent);
  return { kind: 'agent', apiKey: agent.apiKey };
}

/** A call that we place rings nowhere yet: there is nobody to be forwarded. */
function forwardOf(call: LiveCall, answer: Extract<StartAnswer, { kind: 'forward' }>) {
  const to =
    call.direction === 'inbound' ? forwardTarget(call.profile as Profile, answer.to) : null;
  if (to === null) {
    complain(call, 'forward_refused', 'the start hook wants to forward where it may not');
  }
  return to;
}

/** Of one that comes late only what can still be changed; it turns nobody away any more. */
function takeLate(call: LiveCall, outcome: StartOutcome): void {
  const { ending, journal, log } = call;
  if (ending.signal.aborted) return;
  if (!outcome.ok || outcome.answer.kind !== 'agent') {
    log.warn({ code: outcome.ok ? outcome.answer.kind : outcome.code }, 'no use of the start hook');
    return;
  }
  log.info({ ms: outcome.ms }, 'the start hook answered late');
  noteIgnored(call, outcome.ignored);
  const { prompt, tools, toolUrl, metadata } = outcome.answer.agent;
  takeAgent(call, { prompt, tools, toolUrl, metadata });
  journal.context('ready', outcome.ms, contactInHand(call)).catch(() => undefined);
  Promise.all([call.agent?.updateInstructions(instructions(call)), call.offerTools?.()]).catch(
    (error: unknown) => log.warn({ err: error }, 'the late agent was not taken'),
  );
}

type TakenAgent = Pick<BackendAgent, 'prompt' | 'tools' | 'toolUrl' | 'metadata'> &
  Partial<Pick<BackendAgent, 'greeting' | 'greetingUrl'>>;

function takeAgent(call: LiveCall, agent: TakenAgent): void {
  const { backend, journal } = call;
  if (!backend) return;
  const { prompt, greeting, metadata, toolUrl } = agent;
  if (toolUrl !== undefined) backend.toolTarget = hookTarget(backend.rule, toolUrl, backend.secret);
  const tools = takeBackendTools(call, agent.tools, backend.toolTarget);
  const recordedGreeting =
    agent.greetingUrl === undefined ? undefined : recording(call, agent.greetingUrl);
  backend.agent = { prompt, greeting, recordedGreeting, tools, metadata };
  if (Object.keys(metadata).length > 0) journal.hook({ metadata }).catch(() => undefined);
}

/** Fetched while the phone still rings. */
function recording(call: LiveCall, url: string): Promise<Int16Array | null> {
  const { backend, ending } = call;
  if (!backend) return Promise.resolve(null);
  const limit = AbortSignal.any([ending.signal, AbortSignal.timeout(GREETING_LIMIT_MS)]);
  const target = hookTarget(backend.rule, url, backend.secret);
  return loadGreeting(backend.agents, target, limit).catch((error: unknown) => {
    if (ending.signal.aborted) return null;
    call.log.warn({ err: error }, 'the recorded greeting cannot be used');
    const message = isCallwireError(error) ? error.message : 'it could not be fetched in time';
    complain(call, 'greeting_unavailable', message);
    return null;
  });
}

/** The profile of this call: what the backend says, and its own words for the rest. */
function asWanted(profile: Profile, agent: BackendAgent): Profile {
  const { eagerness, noiseReduction, inactivityTimeoutMs } = agent;
  return {
    ...profile,
    model: agent.model ?? profile.model,
    voice: agent.voice ?? profile.voice,
    ...(eagerness && { turnDetection: { by: 'meaning', eagerness } }),
    ...(noiseReduction !== undefined && { noiseReduction }),
    ...(inactivityTimeoutMs !== undefined && {
      silence: silenceWithin(profile.silence, inactivityTimeoutMs || null),
    }),
  };
}

function silenceWithin(
  { promptAfterMs }: Profile['silence'],
  hangUpAfterMs: number | null,
): Profile['silence'] {
  const inTime = hangUpAfterMs === null || (promptAfterMs ?? 0) < hangUpAfterMs;
  return { promptAfterMs: inTime ? promptAfterMs : null, hangUpAfterMs };
}

function missing(
  call: LiveCall,
  { code, status, fault }: { code: string; status: number | null; fault?: string },
): Consulted {
  call.log.error({ code, status, fault }, 'the start hook gave no agent');
  const why = [status ?? code, ...(fault === undefined ? [] : [fault])].join(': ');
  complain(call, 'start_hook_failed', `the start hook gave no agent (${why})`);
  return { kind: 'missing' };
}

/** By their names: there may be keys among the values. */
function noteIgnored(call: LiveCall, ignored: readonly string[]): void {
  if (ignored.length === 0) return;
  call.log.warn({ keys: ignored }, 'the start hook said what cannot be used');
  complain(call, 'start_hook_ignored', `the start hook's ${ignored.join(', ')} cannot be used`);
}

function complain({ journal }: LiveCall, code: string, message: string): void {
  journal.error(code, message).catch(() => undefined);
}

function closeSoon(agents: ReturnType<typeof createReachAgents>): Promise<unknown> {
  return Promise.all(Object.values(agents).map((agent) => agent.destroy()));
}
