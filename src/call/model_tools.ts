import { llm, voice } from '@livekit/agents';
import type { Logger } from 'pino';
import type { ModelTool, ToolAnswer, ToolCall } from '../tools/tool.ts';
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
 */
export class ModelTools {
  readonly #model: CallModel;
  readonly #log: Logger;
  readonly #burst: ToolBurst;
  /** Answers by the model's id: a repeated call has its effect once. */
  readonly #answers = new Map<string, Promise<ToolAnswer>>();
  readonly #reported = new Set<string>();
  /** Resolves when the reply to a speech's tool results has been heard; by that speech's id. */
  readonly #replies = new Map<string, Promise<void>>();
  #agent: voice.Agent | undefined;

  /** @param hold Holds back what the tools append: `CallJournal.hold`. */
  constructor(model: CallModel, log: Logger, hold: () => () => void) {
    this.#model = model;
    this.#log = log;
    this.#burst = new ToolBurst(hold);
    model.toolBurst = this.#burst;
  }

  /** For `new voice.Agent({ tools })`. */
  bind(tools: readonly ModelTool[]): Record<string, ReturnType<typeof llm.tool>> {
    return Object.fromEntries(tools.map((tool) => [tool.name, this.#bindOne(tool)]));
  }

  /** Follows the session that the tools are used in. */
  watch(session: AgentSession, agent: voice.Agent): void {
    this.#agent = agent;
    const { FunctionToolsExecuted, SpeechCreated } = voice.AgentSessionEventTypes;
    session.on(FunctionToolsExecuted, (event) => {
      for (const output of event.functionCallOutputs) this.#reported.add(output.callId);
    });
    session.on(SpeechCreated, (event) => {
      const parent = event.speechHandle.parent;
      if (parent) this.#replies.set(parent.id, finished(event.speechHandle));
    });
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
    const output = llm.FunctionCallOutput.create({
      callId,
      name,
      output: JSON.stringify(result),
      isError: false,
    });
    try {
      await tellItem(session, this.#agent, output);
      this.#log.info({ tool: name, toolCallId: callId }, 'tool result given again');
    } catch (error) {
      this.#log.warn({ err: error, tool: name }, 'a tool result was lost');
    }
  }
}

function finished(speech: SpeechHandle): Promise<void> {
  return new Promise((resolve) => speech.addDoneCallback(() => resolve()));
}
