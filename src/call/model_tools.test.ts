import { once } from 'node:events';
import { initializeLogger, voice } from '@livekit/agents';
import { pino } from 'pino';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { RealtimeServer } from '../../sim/realtime/server.ts';
import type { SessionLog } from '../../sim/realtime/session_log.ts';
import { until } from '../tools/testing/until.ts';
import type { Tool, ToolAnswer, ToolCall } from '../tools/tool.ts';
import { createSession } from './caller_session.ts';
import { ModelTools } from './model_tools.ts';
import { CallModel } from './realtime_model.ts';
import { AgentLine, CallerLine } from './testing/line.ts';

/*
 * The tools before the real client, the plugin's, and a stand-in for the model: an AgentSession
 * without a room, whose line the tests hold and let go.
 */

beforeAll(() => initializeLogger({ pretty: false, level: 'silent' }));

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const log = pino({ level: 'silent' });
const soon = () => AbortSignal.timeout(15_000);

type Run = (args: Record<string, unknown>, call: ToolCall) => Promise<ToolAnswer>;

function tool(name: Tool['name'], run: Run): Tool {
  return { name, description: `Does ${name}.`, parameters: z.looseObject({}), run };
}

const recorded: Run = () => Promise.resolve({ result: { status: 'recorded' } });

interface TestCall {
  caller: CallerLine;
  line: AgentLine;
  session: voice.AgentSession;
  model: SessionLog;
  /** Names of tools whose results agents-js reported. */
  reported: string[];
  /** What was asked of the ledger. */
  held: ('hold' | 'release')[];
}

async function callOf(
  scenario: string,
  tools: Tool[],
  newSession: (model: CallModel) => voice.AgentSession = createSession,
): Promise<TestCall> {
  const server = await RealtimeServer.start({ scenario, speed: Infinity });
  cleanUps.push(() => server.stop());
  const model = new CallModel({
    model: 'gpt-realtime',
    voice: 'marin',
    apiKey: 'sk-made-up',
    baseUrl: server.url,
  });
  await model.connect(soon());
  const session = newSession(model);
  // Closed in the middle of a speech, agents-js leaves a rejection of its own unhandled.
  cleanUps.push(() => session.waitForIdle().then(() => session.close()));
  const caller = new CallerLine();
  const line = new AgentLine();
  session.input.audio = caller;
  session.output.audio = line;
  const held: ('hold' | 'release')[] = [];
  const hold = () => {
    held.push('hold');
    return () => void held.push('release');
  };
  const modelTools = new ModelTools(model, log, hold);
  const agent = new voice.Agent({ instructions: 'Be kind.', tools: modelTools.bind(tools) });
  modelTools.watch(session, agent);
  const reported: string[] = [];
  session.on(voice.AgentSessionEventTypes.FunctionToolsExecuted, (event) => {
    for (const { name } of event.functionCalls) reported.push(name);
  });
  await session.start({ agent, record: false });
  return { caller, line, session, model: await server.waitForSession(soon()), reported, held };
}

const said = ({ model }: TestCall, text: string) =>
  model.waitFor(({ said: all }) => all.includes(text), soon());

const results = ({ model }: TestCall) => model.toolResults.map(({ output }) => JSON.parse(output));

const playing = ({ line }: TestCall) => once(line, voice.AudioOutput.EVENT_PLAYBACK_STARTED);

const ONE_TOOL = `
turns:
  - hears: I want to talk to sales.
    do: [{ say: One moment. }, { call: { tool: record_intent, arguments: { intent: sales } } }]
    then: Done.
  - { hears: Wait!, say: Yes? }
`;

describe('a tool of the model', () => {
  it('runs with its arguments, and its result is answered', async () => {
    const run = vi.fn<Run>(recorded);
    const call = await callOf(ONE_TOOL, [tool('record_intent', run)]);
    call.caller.speak();
    await said(call, 'Done.');
    expect(run).toHaveBeenCalledOnce();
    expect(run.mock.calls[0]?.[0]).toEqual({ intent: 'sales' });
    expect(run.mock.calls[0]?.[1].toolCallId).toBe(call.model.toolCalls[0]?.callId);
    expect(results(call)).toEqual([{ status: 'recorded' }]);
    expect(call.reported).toEqual(['record_intent']);
    expect(call.held).toEqual(['hold', 'release']);
  });

  it('that fails tells the model so, and nothing else', async () => {
    const failing = tool('record_intent', () => Promise.reject(new Error('secret inside')));
    const call = await callOf(ONE_TOOL, [failing]);
    call.caller.speak();
    await said(call, 'Done.');
    expect(results(call)).toEqual([{ status: 'failed' }]);
  });

  it('learns when the words beside it, and then those about its answer, were heard', async () => {
    const heard: string[] = [];
    const call = await callOf(ONE_TOOL, [
      tool('record_intent', (_args, { spoken, replied }) => {
        spoken.then(({ interrupted, saidSomething }) => {
          heard.push(`spoken ${interrupted} ${saidSomething}`);
        });
        replied.then(() => heard.push('replied'));
        return Promise.resolve({ result: {} });
      }),
    ]);
    call.line.hold();
    call.caller.speak();
    await playing(call);
    expect(heard).toEqual([]);
    const next = playing(call);
    call.line.release();
    await next;
    expect(heard).toEqual(['spoken false true']);
    call.line.release();
    await until(() => heard.length === 2);
    expect(heard).toEqual(['spoken false true', 'replied']);
  });

  it('learns that nothing was said beside it', async () => {
    const { promise: spoken, resolve } = Promise.withResolvers<unknown>();
    const call = await callOf(
      'turns: [{ hears: Bye., do: [{ call: { tool: end_call } }], then: Done. }]',
      [
        tool('end_call', (_args, toolCall) => {
          resolve(toolCall.spoken);
          return Promise.resolve({ silent: true, goesOn: Promise.resolve(null) });
        }),
      ],
    );
    call.caller.speak();
    expect(await spoken).toEqual({ interrupted: false, saidSomething: false });
  });

  it('may be used in many steps of one turn', async () => {
    const steps = 6;
    const step = 'do: [{ call: { tool: record_intent } }]';
    const scenario = `turns: [{ hears: Go., ${`${step}, then: { `.repeat(steps - 1)} ${step}, then: Done. ${'}'.repeat(steps - 1)} }]`;
    let runs = 0;
    const call = await callOf(scenario, [
      tool('record_intent', () => Promise.resolve({ result: { run: ++runs } })),
    ]);
    call.caller.speak();
    await said(call, 'Done.');
    expect(results(call)).toEqual([1, 2, 3, 4, 5, 6].map((run) => ({ run })));
  });

  it('that the model repeats under the same id has its effect once', async () => {
    const run = vi.fn<Run>(recorded);
    const model = new CallModel({
      model: 'gpt-realtime',
      voice: 'marin',
      apiKey: 'sk-made-up',
      baseUrl: 'http://127.0.0.1:1/v1',
    });
    const { record_intent } = new ModelTools(model, log, () => () => undefined).bind([
      tool('record_intent', run),
    ]);
    const speechHandle = { id: 'speech_1', chatItems: [], addDoneCallback: () => undefined };
    const execute = record_intent?.execute as (...args: unknown[]) => Promise<unknown>;
    const options = { ctx: { speechHandle }, toolCallId: 'fc_1' };
    const answers = [await execute({}, options), await execute({}, options)];
    expect(answers).toEqual([{ status: 'recorded' }, { status: 'recorded' }]);
    expect(run).toHaveBeenCalledOnce();
    await execute({}, { ...options, toolCallId: 'fc_2' });
    expect(run).toHaveBeenCalledTimes(2);
  });
});

describe('a result that agents-js drops', () => {
  // The caller speaks into "One moment." while the tool has already run: agents-js throws the
  // result away, without an event, and the model waits for it or makes one up.
  it('because the caller spoke into the words beside it is given to the model again', async () => {
    const run = vi.fn<Run>(recorded);
    const call = await callOf(ONE_TOOL, [tool('record_intent', run)]);
    call.line.hold();
    const first = playing(call);
    call.caller.speak();
    await first;
    await until(() => run.mock.calls.length === 1);
    expect(call.model.toolResults).toEqual([]);
    call.caller.speak();
    await call.model.waitFor(({ toolResults }) => toolResults.length > 0, soon());
    expect(results(call)).toEqual([{ status: 'recorded' }]);
    expect(call.model.toolResults[0]?.callId).toBe(call.model.toolCalls[0]?.callId);
    expect(call.reported).toEqual([]);
    expect(call.model.errors).toEqual([]);
  });

  it('is given once, and stays in the conversation', async () => {
    const call = await callOf(
      `
turns:
  - hears: I want to talk to sales.
    do: [{ say: One moment. }, { call: { tool: record_intent } }]
  - { hears: Wait!, do: [{ say: Yes? }, { call: { tool: lookup_crm } }], then: Found. }
`,
      [tool('record_intent', recorded), tool('lookup_crm', recorded)],
    );
    call.line.hold();
    const first = playing(call);
    call.caller.speak();
    await first;
    await until(() => call.model.toolCalls.length === 1);
    call.caller.speak();
    await said(call, 'Found.');
    await call.session.waitForIdle();
    expect(results(call)).toHaveLength(2);
    // What agents-js itself does after an interruption: what its copy lacks is deleted.
    const agent = call.session.currentAgent;
    await agent.updateChatCtx(agent.chatCtx.copy());
    const deleted = call.model.events
      .filter(({ event }) => event.type === 'conversation.item.delete')
      .map(({ event }) => event.item_id);
    const outputs = call.model.events
      .filter(({ from, event }) => from === 'client' && event.type === 'conversation.item.create')
      .map(({ event }) => event.item as { id: string; type: string })
      .filter(({ type }) => type === 'function_call_output');
    expect(outputs).toHaveLength(2);
    for (const { id } of outputs) expect(deleted).not.toContain(id);
  });

  it('although the tool was slower than the interruption is given again', async () => {
    const { promise: late, resolve: finish } = Promise.withResolvers<ToolAnswer>();
    const run = vi.fn<Run>(() => late);
    const call = await callOf(ONE_TOOL, [tool('record_intent', run)]);
    call.line.hold();
    const first = playing(call);
    call.caller.speak();
    await first;
    await until(() => run.mock.calls.length === 1);
    call.caller.speak();
    await said(call, 'Yes?');
    finish({ result: { status: 'late' } });
    await call.model.waitFor(({ toolResults }) => toolResults.length > 0, soon());
    expect(results(call)).toEqual([{ status: 'late' }]);
  });

  it('at its limit of steps is given again', async () => {
    const call = await callOf(
      `
turns:
  - hears: Go.
    do: [{ call: { tool: record_intent } }]
    then: { do: [{ call: { tool: lookup_crm } }], then: Never. }
`,
      [tool('record_intent', recorded), tool('lookup_crm', recorded)],
      (model) =>
        new voice.AgentSession({
          llm: model,
          vad: null,
          turnHandling: { turnDetection: 'realtime_llm' },
          aecWarmupDuration: null,
          maxToolSteps: 0,
        }),
    );
    call.caller.speak();
    await call.model.waitFor(({ toolResults }) => toolResults.length > 0, soon());
    expect(call.reported).toEqual([]);
    expect(results(call)).toEqual([{ status: 'recorded' }]);
  });
});

describe('a tool that runs at once', () => {
  const atOnce = (name: Tool['name'], run: Run): Tool => ({ ...tool(name, run), atOnce: true });
  const TWO_TOOLS = `
turns:
  - hears: Do both.
    do:
      - { say: One moment. }
      - { call: { tool: record_intent, arguments: { intent: sales } } }
      - { call: { tool: update_crm_note } }
    then: Done.
  - { hears: Wait!, do: [{ say: Yes? }, { call: { tool: lookup_crm } }], then: Found. }
`;
  const conversation = ({ model }: TestCall, type: string) =>
    model.events.filter(({ from, event }) => from === 'client' && event.type === type);
  const outputs = (call: TestCall) =>
    conversation(call, 'conversation.item.create')
      .map(({ event }) => event.item as { id: string; type: string })
      .filter(({ type }) => type === 'function_call_output');

  /** The model has the results of both tools, and the words beside them are still being said. */
  const untilToldBesideWords = async (call: TestCall) => {
    call.line.hold();
    const first = playing(call);
    call.caller.speak();
    await first;
    await call.model.waitFor(({ toolResults }) => toolResults.length === 2, soon());
  };

  it('is answered while the words beside it are still being said, and only once', async () => {
    const run = vi.fn<Run>(recorded);
    const call = await callOf(TWO_TOOLS, [
      atOnce('record_intent', run),
      atOnce('update_crm_note', recorded),
    ]);
    await untilToldBesideWords(call);
    expect(call.model.said).toEqual(['One moment.']);
    expect(run.mock.calls[0]?.[0]).toEqual({ intent: 'sales' });
    call.line.release();
    await said(call, 'Done.');
    call.line.release();
    await call.session.waitForIdle();
    expect(outputs(call)).toHaveLength(2);
    expect(run).toHaveBeenCalledOnce();
    expect(call.reported).toEqual(['record_intent', 'update_crm_note']);
    expect(call.held).toEqual(['hold', 'release']);
    expect(call.model.errors).toEqual([]);
    expect(conversation(call, 'conversation.item.delete')).toEqual([]);
  });

  it('keeps its result in the conversation when the caller speaks into those words', async () => {
    const call = await callOf(TWO_TOOLS, [
      atOnce('record_intent', recorded),
      atOnce('update_crm_note', recorded),
      atOnce('lookup_crm', recorded),
    ]);
    await untilToldBesideWords(call);
    call.caller.speak();
    await said(call, 'Found.');
    await call.session.waitForIdle();
    expect(call.reported).toEqual(['lookup_crm']);
    expect(outputs(call)).toHaveLength(3);
    // What agents-js itself does after an interruption: what its copy lacks is deleted.
    const agent = call.session.currentAgent;
    await agent.updateChatCtx(agent.chatCtx.copy());
    const deleted = conversation(call, 'conversation.item.delete').map(
      ({ event }) => event.item_id,
    );
    for (const { id } of outputs(call)) expect(deleted).not.toContain(id);
    expect(outputs(call)).toHaveLength(3);
    expect(call.model.errors).toEqual([]);
  });

  it('is left to agents-js where its arguments do not fit, or its result cannot be told', async () => {
    const run = vi.fn<Run>(recorded);
    const strict = {
      ...atOnce('record_intent', run),
      parameters: z.object({ intent: z.number() }),
    };
    const call = await callOf(TWO_TOOLS, [strict, atOnce('update_crm_note', recorded)]);
    const tell = vi.spyOn(CallModel.prototype, 'tellResults');
    cleanUps.push(() => Promise.resolve(tell.mockRestore()));
    tell.mockRejectedValue(new Error('not now'));
    call.caller.speak();
    await said(call, 'Done.');
    expect(run).not.toHaveBeenCalled();
    expect(call.model.toolResults).toHaveLength(2);
    expect(call.model.toolResults[0]?.output).toContain('Invalid arguments');
    expect(JSON.parse(call.model.toolResults[1]?.output ?? '')).toEqual({ status: 'recorded' });
  });
});

describe('a silent answer', () => {
  const GOODBYE = `
turns:
  - hears: Bye.
    do: [{ say: Goodbye. }, { call: { tool: end_call } }]
    then: Why am I asked?
  - { hears: Wait!, say: Yes? }
`;
  const silent = tool('end_call', (_args, { spoken }) =>
    Promise.resolve({
      silent: true,
      goesOn: spoken.then(({ interrupted }) => (interrupted ? { status: 'not_ended' } : null)),
    }),
  );

  it('tells the model nothing and asks it for nothing', async () => {
    const call = await callOf(GOODBYE, [silent]);
    call.caller.speak();
    await said(call, 'Goodbye.');
    await call.session.waitForIdle();
    expect(call.model.toolResults).toEqual([]);
    expect(call.model.said).toEqual(['Goodbye.']);
  });

  it('becomes the other one when the caller speaks into the goodbye', async () => {
    const call = await callOf(GOODBYE, [silent]);
    call.line.hold();
    const first = playing(call);
    call.caller.speak();
    await first;
    await until(() => call.model.toolCalls.length === 1);
    call.caller.speak();
    await call.model.waitFor(({ toolResults }) => toolResults.length > 0, soon());
    expect(results(call)).toEqual([{ status: 'not_ended' }]);
  });

  it('becomes it even when that is known long after the words beside the call', async () => {
    const { promise: goesOn, resolve } = Promise.withResolvers<{ status: string }>();
    const late = tool('end_call', () => Promise.resolve({ silent: true, goesOn }));
    const call = await callOf(GOODBYE, [late]);
    call.caller.speak();
    await said(call, 'Goodbye.');
    await call.session.waitForIdle();
    expect(call.model.toolResults).toEqual([]);
    resolve({ status: 'not_ended' });
    await call.model.waitFor(({ toolResults }) => toolResults.length > 0, soon());
    expect(results(call)).toEqual([{ status: 'not_ended' }]);
    call.caller.speak();
    await said(call, 'Yes?');
    expect(results(call)).toHaveLength(1);
  });
});
