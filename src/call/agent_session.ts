import { voice } from '@livekit/agents';
import { builtInTools } from '../tools/built_in_tools.ts';
import { Announcer } from './announcer.ts';
import { backendTools } from './backend_tools.ts';
import { toolContext } from './call_tool_context.ts';
import { createSession, cutOffAtOnce, gateBargeIn, startSession } from './caller_session.ts';
import { Filler } from './filler.ts';
import { instructions } from './instructions.ts';
import { watchKeypad } from './keypad.ts';
import { contactInHand, type LiveCall } from './live_call.ts';
import { ModelTools } from './model_tools.ts';

/**
 * Makes the agent of a prepared call and starts its session with the phone of that identity. For a
 * caller who rings, the audio that this publishes is what answers the phone.
 */
export async function startAgent(call: LiveCall, identity: string): Promise<void> {
  const { job, ending, profile, model, journal, log } = call;
  if (!profile || !model) throw new Error('a call is prepared before anybody speaks');
  const tools = new ModelTools(model, log, () => journal.hold());
  const session = createSession(model);
  const context = toolContext(call);
  const offered = () => {
    const ofBackend = backendTools(call);
    // A backend that brings an `end_call` of its own means that one.
    const own = profile.tools.filter((name) => !ofBackend.some((tool) => tool.name === name));
    return tools.bind([...builtInTools(own, context), ...ofBackend]);
  };
  const agent = new voice.Agent({ instructions: instructions(call), tools: offered() });
  call.offerTools = () => agent.updateTools(offered());
  call.session = session;
  call.agent = agent;
  call.announcer = new Announcer(session, ending.signal, log);
  call.keypad = watchKeypad(job.room, identity, ending.signal);
  call.filler = new Filler(session, call.announcer, ending.signal);
  tools.watch(session, agent);
  cutOffAtOnce(session);
  gateBargeIn(session, model);
  await startSession(session, agent, job.room, identity);
}

/** The two sides are connected. */
export function noteAnswer(call: LiveCall): void {
  call.answeredAt = Date.now();
  const context = call.contact.state;
  const ringMs = call.answeredAt - call.startedAt;
  call.journal.answered(ringMs, context).catch(() => undefined);
  call.log.info({ ring_ms: ringMs, context, known: contactInHand(call) !== null }, 'answered');
}

/**
 * For what has no signal of its own: connecting to a room or publishing into it can stay open for
 * ever when the other party has gone meanwhile, and the process would linger in its slot.
 */
export function orEnded<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  work.catch(() => undefined);
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
