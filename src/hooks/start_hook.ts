import type { ReachAgents } from '../delivery/reach_agents.ts';
import { type HookTarget, postHook } from './hook_post.ts';
import { parseJson } from './json.ts';
import { readStartAnswer, type StartAnswer } from './start_answer.ts';

/** What the start hook is told of a call. */
export interface StartedCall {
  callId: string;
  /** E.164, `null` for an anonymous caller. */
  from: string | null;
  to: string;
  direction: 'inbound' | 'outbound';
  /** Of the other party, where the CRM knows it already. */
  contact: { id: string | null; name: string | null; phone: string | null } | null;
  /** A process that had the call before is dead. */
  resumed: boolean;
}

export type StartOutcome =
  | { ok: true; answer: StartAnswer; ignored: readonly string[]; ms: number }
  /** `code`: `postHook`'s, or `invalid_answer` for a 2xx that says nothing of use; `fault` is of that. */
  | { ok: false; code: string; status: number | null; fault?: string; ms: number };

/** Prompt, tools with their schemas, metadata: more than this no model takes. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/**
 * Asks the backend how the agent of this call is. Never rejects, except with the reason of `signal`.
 * What was wrong with the answer is told without any of its values: there may be keys among them.
 */
export async function askStartHook(
  agents: ReachAgents,
  target: HookTarget,
  call: StartedCall,
  { deadlineMs, signal }: { deadlineMs: number; signal: AbortSignal },
): Promise<StartOutcome> {
  const startedAt = performance.now();
  const elapsed = () => Math.round(performance.now() - startedAt);
  const answer = await postHook(agents, {
    target,
    body: {
      callSid: call.callId,
      callerNumber: call.from,
      calledNumber: call.to,
      direction: call.direction,
      timestamp: new Date().toISOString(),
      ...(call.contact && { contact: call.contact }),
      ...(call.resumed && { resumed: true }),
    },
    deadlineMs,
    maxBytes: MAX_ANSWER_BYTES,
    signal,
  });
  if (!answer.ok) return { ok: false, code: answer.code, status: answer.status, ms: elapsed() };
  if (answer.cut) return { ok: false, code: 'answer_too_large', status: null, ms: elapsed() };
  const json = parseJson(answer.text);
  const { answer: read, ignored } = readStartAnswer(json);
  if (read === null) {
    const fault = faultOf(answer.text, json, ignored);
    return { ok: false, code: 'invalid_answer', status: null, fault, ms: elapsed() };
  }
  return { ok: true, answer: read, ignored, ms: elapsed() };
}

/** Why no agent could be made of an answer. */
function faultOf(text: string, json: unknown, ignored: readonly string[]): string {
  if (text.trim() === '') return 'the body is empty';
  if (json === undefined) return 'the body is no JSON';
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return 'the JSON is no object';
  }
  if (ignored.includes('systemPrompt')) return 'systemPrompt is empty, too long or no text';
  return 'systemPrompt is missing';
}
