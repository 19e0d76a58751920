import { CONNECTION_FAULTS } from '../delivery/attempt_error.ts';
import type { ReachAgents } from '../delivery/reach_agents.ts';
import { type HookTarget, postHook } from './hook_post.ts';
import { type JsonObject, parseJson } from './json.ts';

/** A call of a backend's tool. */
export interface ToolHookCall {
  callId: string;
  toolCallId: string;
  name: string;
  arguments: JsonObject;
  /** Of the start hook. */
  metadata: Readonly<Record<string, unknown>>;
}

export interface ToolHookLimits {
  /** For the answer, a second attempt included. (Default: 30 s) */
  deadlineMs?: number;
  /** Before that attempt. (Default: 250 ms) */
  retryAfterMs?: number;
  signal: AbortSignal;
}

export interface ToolHookOutcome {
  /** For the model. */
  result: JsonObject;
  /** `null`: the backend has answered. Else `timeout`, `status`, `invalid_answer`, … */
  error: string | null;
  status: number | null;
}

const DEADLINE_MS = 30_000;
const RETRY_AFTER_MS = 250;

/** What is read of an answer; the model is given less. */
const MAX_ANSWER_BYTES = 256 * 1024;

/** About 4000 tokens: more would push the conversation out of the model's memory. */
export const MAX_RESULT_CHARACTERS = 16_000;

const CUT =
  'This is only the beginning of a longer result. Say so where it matters; do not guess the rest.';
const FAILED =
  'It did not work. Tell the caller so in one short sentence, in the language of the call, and offer to ' +
  'try again or to go on without it. Never invent a result.';
const TOO_LATE =
  'There was no answer in time, and nobody knows whether it was done. Tell the caller so in one short ' +
  'sentence, in the language of the call. Never invent a result.';

/**
 * Has the backend do a tool call. What it answers is the model's result: the `result` of its JSON, else
 * all of it. A backend that refuses, breaks or hangs gives a result too, one that says what the agent can
 * tell the caller. Never rejects, except with the reason of `signal`.
 *
 * A connection that broke is tried once more, under the same `Idempotency-Key`.
 */
export async function callToolHook(
  agents: ReachAgents,
  target: HookTarget,
  call: ToolHookCall,
  { deadlineMs = DEADLINE_MS, retryAfterMs = RETRY_AFTER_MS, signal }: ToolHookLimits,
): Promise<ToolHookOutcome> {
  const deadline = performance.now() + deadlineMs;
  const attempt = () =>
    postHook(agents, {
      target,
      body: {
        callSid: call.callId,
        toolName: call.name,
        arguments: call.arguments,
        metadata: call.metadata,
        timestamp: new Date().toISOString(),
      },
      headers: { 'Idempotency-Key': `${call.callId}:${call.toolCallId}` },
      deadlineMs: Math.max(1, deadline - performance.now()),
      maxBytes: MAX_ANSWER_BYTES,
      signal,
    });
  let answer = await attempt();
  const unconnected = !answer.ok && CONNECTION_FAULTS.has(answer.code);
  if (unconnected && performance.now() + retryAfterMs < deadline) {
    await new Promise((resolve) => setTimeout(resolve, retryAfterMs));
    signal.throwIfAborted();
    answer = await attempt();
  }
  if (answer.ok) return readResult(answer.text, answer.cut);
  return failed(answer.code, answer.status);
}

function readResult(text: string, cut: boolean): ToolHookOutcome {
  const told = (result: JsonObject) => ({ result, error: null, status: null });
  if (text.trim() === '') return told({ status: 'done' });
  const json = parseJson(text);
  if (json === undefined) {
    // Too long to be read to its end; a page of HTML is nothing to read out.
    const begun = cut && /^\s*[[{"]/.test(text);
    return begun ? told(shortened(text)) : failed('invalid_answer', null);
  }
  const value = isObject(json) && 'result' in json ? json.result : json;
  const words = typeof value === 'string' ? value : JSON.stringify(value);
  return told(words.length > MAX_RESULT_CHARACTERS ? shortened(words) : { result: value });
}

function shortened(text: string): JsonObject {
  return { result: text.slice(0, MAX_RESULT_CHARACTERS).toWellFormed(), note: CUT };
}

function failed(code: string, status: number | null): ToolHookOutcome {
  const note = code === 'timeout' ? TOO_LATE : FAILED;
  return { result: { status: 'failed', note }, error: code, status };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
