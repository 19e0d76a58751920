import type { HookTarget } from '../hooks/hook_post.ts';
import { type BackendTool, readHookTools } from '../hooks/hook_tools.ts';
import type { JsonObject } from '../hooks/json.ts';
import { callToolHook } from '../hooks/tool_hook.ts';
import type { ModelTool, ToolCall } from '../tools/tool.ts';
import type { CallBackend, LiveCall } from './live_call.ts';

/** Takes the tools of a start hook; each that cannot be used is named, and the call goes on without it. */
export function takeBackendTools(
  call: LiveCall,
  given: readonly unknown[],
  target: HookTarget | null,
): readonly BackendTool[] {
  const { tools, refused } = readHookTools(given);
  if (target === null) {
    for (const { name } of tools) refused.push({ name, reason: 'no hook does it: on_tool_call' });
  }
  for (const { name, reason } of refused) {
    call.log.warn({ tool: name, reason }, 'a tool of the backend cannot be used');
    const message = `the tool ${name} cannot be used: ${reason}`;
    call.journal.error('tool_refused', message).catch(() => undefined);
  }
  return target === null ? [] : tools;
}

/** The tools of the backend, for the model: each waits for its answer, and has the wait filled. */
export function backendTools(call: LiveCall): ModelTool[] {
  const { backend } = call;
  const target = backend?.toolTarget;
  if (!backend?.agent || !target) return [];
  return backend.agent.tools.map((tool) => ({
    name: tool.name,
    description: tool.description,
    parameters: tool.parameters,
    run: async (args, toolCall) => ({ result: await run(call, backend, { tool, args, toolCall }) }),
  }));
}

async function run(
  call: LiveCall,
  backend: CallBackend,
  { tool, args, toolCall }: { tool: BackendTool; args: JsonObject; toolCall: ToolCall },
): Promise<JsonObject> {
  const problem = tool.check(args);
  const result =
    problem === null ? await ask(call, backend, { tool, args, toolCall }) : wrong(problem);
  // Nothing is promised by it: the answer does not wait for the record.
  call.journal
    .tool({ toolCallId: toolCall.toolCallId, name: tool.name, arguments: args, result })
    .catch(() => undefined);
  return result;
}

function wrong(problem: string): JsonObject {
  return {
    status: 'invalid_arguments',
    problem,
    note: 'Nothing was done. Call it again with arguments that fit, or ask the caller for what is missing.',
  };
}

async function ask(
  call: LiveCall,
  backend: CallBackend,
  { tool, args, toolCall }: { tool: BackendTool; args: JsonObject; toolCall: ToolCall },
): Promise<JsonObject> {
  const { ending, log, id } = call;
  const filled = call.filler?.begin();
  try {
    const { result, error, status } = await callToolHook(
      backend.agents,
      backend.toolTarget as HookTarget,
      {
        callId: id,
        toolCallId: toolCall.toolCallId,
        name: tool.name,
        arguments: args,
        metadata: backend.agent?.metadata ?? {},
      },
      { signal: ending.signal },
    );
    if (error !== null) {
      log.warn({ tool: tool.name, error, status }, 'the tool hook failed');
      const message = `the tool ${tool.name} failed at the backend (${status ?? error})`;
      call.journal.error('tool_failed', message).catch(() => undefined);
    }
    return result;
  } catch (error) {
    if (!ending.signal.aborted) throw error;
    return { status: 'the call has ended' };
  } finally {
    filled?.();
  }
}
