import { llm, voice } from '@livekit/agents';
import type { Logger } from 'pino';
import type { ModelTool, ToolAnswer, ToolCall } from '../tools/tool.ts';
import { parsedArguments, toolCalledBy } from './called_tool.ts';
import type { CallModel } from './realtime_model.ts';
import { tellItem } from './told_item.ts';
import { ToolBurst } from './tool_burst.ts';

type AgentSession = voice.AgentSession;
type SpeechHandle = ReturnType<AgentSession['generateReply']>;

/**
 * Binds Callwire's tools to agents-js, and mends what it does with their results.
 *
 * agents-js holds a tool's result back until the speech beside the call has been played. A caller
 * who speaks into that speech makes it drop the result without an event, and the model then waits
 * for, or invents, an answer that was there all along. The same happens at its step limit. So every
 * result is watched until agents-js reports it (`function_tools_executed`); one that it dropped is
 * put into the model's conversation here, where the model finds it when it answers the caller.
 *
 * Tools that run at once do so when the model's event comes, and the model has their results when they are
 * there: agents-js takes 2 ms to get to a tool and 3 ms to tell its result, on a machine that is busy three
 * times as long, and neither has to be waited for. What it does itself then finds both done.
 */
export class ModelTools {
  readonly #model: CallModel;
  readonly #log: Logger;
  readonly #burst: ToolBurst;
  /** Answers by the model's id: a repeated call has its effect once. */
  readonly #answers = new Map<string, Promise<ToolAnswer>>();
  readonly #reported = new Set<string>();
  /** Tools that run at once, by their names. */
  readonly #atOnce = new Map<string, ModelTool>();
  /** Of what became known in this turn of the event loop. */
  #results: llm.FunctionCallOutput[] = [];
  /** Resolves when the reply to a speech's tool results has been heard; by that speech's id. */
  readonly #replies = new Map<string, Promise<void>>();
  #agent: voice.Agent | undefined;

  /** @param hold Holds back what the tools append: `CallJournal.hold`. */
  constructor(model: CallModel, log: Logger, hold: () => () => void) {
    this.#model = model;
    this.#log = log;
    this.#burst = new ToolBurst(hold);
    model.onServerEvent = (event) => this.#take(event);
  }

  /** For `new voice.Agent({ tools })`. */
  bind(tools: readonly ModelTool[]): Record<string, ReturnType<typeof llm.tool>> {
    this.#atOnce.clear();
    for (const tool of tools) if (tool.atOnce) this.#atOnce.set(tool.name, tool);
    return Object.fromEntries(tools.map((tool) => [tool.name, this.#bindOne(tool)]));
  }

  /** Follows the session that the tools are used in. */
  watch(session: AgentSession, agent: voice.Agent): void {
    this.#agent = agent;
    const { Close, FunctionToolsExecuted, SpeechCreated } = voice.AgentSessionEventTypes;
    session.on(FunctionToolsExecuted, (event) => {
      for (const output of event.functionCallOutputs) this.#reported.add(output.callId);
    });
    // agents-js begins nothing more either.
    session.on(Close, () => this.#atOnce.clear());
    session.on(SpeechCreated, (event) => {
      const parent = event.speechHandle.parent;
      if (parent) this.#replies.set(parent.id, finished(event.speechHandle));
    });
  }

  #take(event: { type?: unknown; item?: unknown }): void {
    this.#burst.take(event);
    const called = toolCalledBy(event);
    const tool = called && this.#atOnce.get(called.name);
    const args = tool && parsedArguments(tool, called.argumentsText);
    if (!args || this.#answers.has(called.id)) return;
    const answer = this.#run(tool, args, { toolCallId: called.id, spoken: NEVER, replied: NEVER });
    this.#answers.set(called.id, answer);
    this.#burst.ran(called.id);
    answer.then(
      (given) => 'result' in given && this.#tell(outputOf(called.id, tool.name, given.result)),
    );
  }

  #tell(result: llm.FunctionCallOutput): void {
    this.#results.push(result);
    // Those that one commit has made durable go together.
    if (this.#results.length === 1) process.nextTick(() => void this.#tellAll());
  }

  async #tellAll(): Promise<void> {
    const results = this.#results;
    this.#results = [];
    try {
      await this.#model.tellResults(results);
    } catch (error) {
      // agents-js tries it again.
      this.#log.warn({ err: error }, 'results of tools could not be told at once');
    }
  }

  #bindOne(tool: ModelTool) {
    return llm.tool({
      description: tool.description,
      parameters: tool.parameters,
      execute: async (args, { ctx, toolCallId }) => {
        const speech = ctx.speechHandle;
        const spoken = finished(speech);
        const call = {
          toolCallId,
          spoken: spoken.then(() => ({
            interrupted: speech.interrupted,
            saidSomething: speech.chatItems.some((item) => item.type === 'message'),
          })),
          replied: spoken.then(() => this.#replies.get(speech.id)),
        };
        let answer = this.#answers.get(toolCallId);
        if (!answer) {
          answer = this.#run(tool, args as Record<string, unknown>, call);
          this.#answers.set(toolCallId, answer);
        }
        this.#burst.ran(toolCallId);
        const given = await answer;
        // The model is told first; what agents-js makes of a result takes as long as all the rest.
        if (tool.atOnce) await new Promise(setImmediate);
        spoken.then(() => this.#recover(tool.name, toolCallId, given));
        // Nothing at all would become a result of "", behind which no other can follow.
        return 'silent' in given ? new voice.StopResponse() : given.result;
      },
    });
  }

  async #run(tool: ModelTool, args: Record<string, unknown>, call: ToolCall): Promise<ToolAnswer> {
    const startedAt = performance.now();
    const fields = { tool: tool.name, toolCallId: call.toolCallId };
    try {
      const answer = await tool.run(args, call);
      const ms = Math.round(performance.now() - startedAt);
      this.#log.info({ ...fields, ms }, 'tool answered');
      return answer;
    } catch (error) {
      this.#log.error({ err: error, ...fields }, 'tool failed');
      return { result: { status: 'failed' } };
    }
  }

  async #recover(name: string, callId: string, answer: ToolAnswer) {
    if (this.#reported.has(callId)) return;
    this.#reported.add(callId);
    const result = 'silent' in answer ? await answer.goesOn : answer.result;
    const session = this.#model.current;
    if (!session || !result) return;
    const told = this.#model.toldResult(callId);
    if (told) {
      // The model has it; agents-js deletes what its copy lacks.
      this.#agent?._chatCtx.insert(told);
      return;
    }
    try {
      await tellItem(session, this.#agent, outputOf(callId, name, result));
      this.#log.info({ tool: name, toolCallId: callId }, 'tool result given again');
    } catch (error) {
      this.#log.warn({ err: error, tool: name }, 'a tool result was lost');
    }
  }
}

/** What a tool that runs at once does not look at. */
const NEVER = new Promise<never>(() => undefined);

function outputOf(callId: string, name: string, result: unknown): llm.FunctionCallOutput {
  const output = JSON.stringify(result);
  return llm.FunctionCallOutput.create({ callId, name, output, isError: false });
}

function finished(speech: SpeechHandle): Promise<void> {
  return new Promise((resolve) => speech.addDoneCallback(() => resolve()));
}
