import { setTimeout as sleep } from 'node:timers/promises';
import type { ReachAgents } from '../delivery/reach_agents.ts';
import { type HookAnswer, type HookTarget, postHook } from './hook_post.ts';
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

/** Before each further attempt: a backend that is started anew is there again within a second or two. */
const RETRY_AFTER_MS: readonly number[] = [250, 500, 1_000];

/** Where nobody was asked, or who was is gone. */
const NOBODY_THERE: ReadonlySet<string> = new Set([
  'connection_refused',
  'connection',
  'name_not_resolved',
  'unreachable',
]);

/** What a proxy says that finds nobody behind it. */
const NOBODY_BEHIND: ReadonlySet<number | null> = new Set([502, 503, 504]);

export interface StartHookLimits {
  /** For the answer, all attempts included. */
  deadlineMs: number;
  /** (Default: after 250 ms, 500 ms and 1 s) */
  retryAfterMs?: readonly number[];
  signal: AbortSignal;
}

/**
 * Asks the backend how the agent of this call is, and once more where there is none: a caller hears the phone
 * ring meanwhile, and would be turned away by a backend that is just being started anew.
 *
 * Never rejects, except with the reason of `signal`. What was wrong with the answer is told without any of
 * its values: there may be keys among them.
 */
export async function askStartHook(
  agents: ReachAgents,
  target: HookTarget,
  call: StartedCall,
  { deadlineMs, retryAfterMs = RETRY_AFTER_MS, signal }: StartHookLimits,
): Promise<StartOutcome> {
  const startedAt = performance.now();
  const elapsed = () => Math.round(performance.now() - startedAt);
  const attempt = () =>
    postHook(agents, {
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
      deadlineMs: Math.max(1, deadlineMs - elapsed()),
      maxBytes: MAX_ANSWER_BYTES,
      signal,
    });
  let answer = await attempt();
  for (const ms of retryAfterMs) {
    if (!isNobody(answer) || elapsed() + ms >= deadlineMs) break;
    await sleep(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
    answer = await attempt();
  }
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

function isNobody(answer: HookAnswer): boolean {
  if (answer.ok) return false;
  return NOBODY_THERE.has(answer.code) || NOBODY_BEHIND.has(answer.status);
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
