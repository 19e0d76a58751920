import { voice } from '@livekit/agents';
import { pino } from 'pino';
import { newId } from '../ids.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { builtInTools } from '../tools/built_in_tools.ts';
import { orEnded } from './agent_session.ts';
import { CallEnding } from './call_ending.ts';
import { CallJournal } from './call_journal.ts';
import { toolContext } from './call_tool_context.ts';
import { createSession, cutOffAtOnce } from './caller_session.ts';
import type { LiveCall } from './live_call.ts';
import { ModelTools } from './model_tools.ts';
import { CallModel } from './realtime_model.ts';
import { RehearsedModel } from './rehearsed_model.ts';

/** Two at once, as they are called most; several times, for V8 compiles better what it has seen. */
const WRITES = [
  { name: 'record_intent', arguments: { intent: 'none' } },
  { name: 'update_crm_note', arguments: { note: 'None.' } },
];
const STEPS = [WRITES, WRITES, WRITES, WRITES, [{ name: 'lookup_crm', arguments: {} }]];

/**
 * A turn of a conversation in which tools are called: from the model's events to their results on its
 * socket all is what a call has, but that model and ledger are stand-ins and there is no room.
 */
export async function rehearseTurn(signal: AbortSignal): Promise<void> {
  const server = await RehearsedModel.start(STEPS, signal);
  const stop = () => server.stop();
  signal.addEventListener('abort', stop, { once: true });
  const model = new CallModel({
    model: 'none',
    voice: 'none',
    apiKey: 'none',
    baseUrl: server.url,
  });
  const session = createSession(model);
  try {
    await model.connect(signal);
    await orEnded(session.start({ agent: nobodysAgent(session, model), record: false }), signal);
    await orEnded(server.takeTurn(), signal);
    await orEnded(session.waitForIdle(), signal);
  } finally {
    // For any other reason agents-js waits for the caller's last words for half a second.
    session.shutdown({ drain: false, reason: voice.CloseReason.ERROR });
    await orEnded(session.close(), signal).catch(() => undefined);
    await model.discard();
    signal.removeEventListener('abort', stop);
    stop();
  }
}

function nobodysAgent(session: voice.AgentSession, model: CallModel): voice.Agent {
  const call = nobodysCall();
  const tools = new ModelTools(model, call.log, () => call.journal.hold());
  const offered = builtInTools(
    ['record_intent', 'update_crm_note', 'lookup_crm'],
    toolContext(call),
  );
  const agent = new voice.Agent({ instructions: 'None.', tools: tools.bind(offered) });
  tools.watch(session, agent);
  cutOffAtOnce(session);
  return agent;
}

/** As much of a call as its tools look at. */
function nobodysCall(): LiveCall {
  const id = newId('call');
  const log = pino({ level: 'silent' });
  const call: Partial<LiveCall> = {
    id,
    direction: 'inbound',
    log,
    journal: new CallJournal(id, NO_LEDGER, log),
    ending: new CallEnding(),
    startedAt: Date.now(),
    contact: { state: 'ready', contact: { id: 'none', name: 'Nobody' } },
  };
  return call as LiveCall;
}

/** Keeps nothing. */
const NO_LEDGER: Ledger = {
  append: () => Promise.resolve('ledger'),
  hold: () => () => undefined,
  request: () => Promise.reject(new Error('nobody answers in a rehearsal')),
  fenced: new AbortController().signal,
};
