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
  /** `code`: `postHook`'s, or `invalid_answer` for a 2xx that says nothing of use. */
  | { ok: false; code: string; status: number | null; ms: number };

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
  const { answer: read, ignored } = readStartAnswer(parseJson(answer.text));
  if (read === null) return { ok: false, code: 'invalid_answer', status: null, ms: elapsed() };
  return { ok: true, answer: read, ignored, ms: elapsed() };
}
