import { signRequest } from '../events/signatures.ts';
import { errorCode, PROXY_FAULTS } from './attempt_error.ts';
import { beginAttempt, untried } from './attempt_record.ts';
import type { Destination } from './endpoint.ts';
import type { AttemptOutcome } from './job_handler.ts';
import { post } from './post.ts';
import type { ReachAgents } from './reach_agents.ts';
import { BUSY_WAIT_MS, parseRetryAfter } from './retry_schedule.ts';
import { USER_AGENT } from './user_agent.ts';

export interface SignedMessage {
  destination: Extract<Destination, { status: 'ready' }>;
  body: Buffer;
  /** `webhook-id`: the same at each attempt, and at a replay. */
  messageId: string;
  deliveryId: string;
  /** See `ClaimedJob.refusals`. */
  refusals: number;
  /** The wall clock as the attempt begins, milliseconds. */
  at: number;
  deadlineMs: number;
  /** How long is waited where nothing could be tried. */
  holdMs: number;
  /** The shutdown. */
  signal: AbortSignal;
}

/**
 * One attempt to deliver: the bytes as they are, signed anew. The status decides, as soon as it is there:
 * any 2xx is success, a redirect is a failure like any other (following it would hand a signed message to
 * a host that nobody configured). Never rejects.
 */
export async function sendSigned(
  agents: ReachAgents,
  message: SignedMessage,
): Promise<AttemptOutcome> {
  const { destination, body, at, deadlineMs, holdMs, signal } = message;
  const record = beginAttempt(at);
  const headers = {
    'Content-Type': 'application/json',
    'User-Agent': USER_AGENT,
    ...signRequest({
      families: destination.families,
      secrets: destination.secrets,
      refusals: message.refusals,
      eventId: message.messageId,
      deliveryId: message.deliveryId,
      timestampInSeconds: Math.floor(at / 1000),
      body,
    }),
  };
  try {
    const request = { url: destination.url, headers, body, deadlineMs, signal };
    const answer = await post(agents[destination.reach], request);
    const { status, text: response } = answer;
    if (status >= 200 && status < 300) {
      return { attempt: record({ status, response }), verdict: { kind: 'success' } };
    }
    const error = status >= 300 && status < 400 ? 'redirect' : 'status';
    const retryAfterMs = parseRetryAfter(answer.headers['retry-after'], at);
    return {
      attempt: record({ status, error, response }),
      verdict: {
        kind: 'retry',
        ...(status === 429 && { notBeforeMs: BUSY_WAIT_MS }),
        ...(retryAfterMs !== undefined && { retryAfterMs }),
      },
    };
  } catch (error) {
    if (signal.aborted) return hold(at, 'aborted', 0);
    const code = errorCode(error);
    // Nothing reached the endpoint: that says nothing of it, and costs it no attempt.
    if (PROXY_FAULTS.has(code)) return hold(at, code, holdMs);
    return {
      attempt: record({ error: code }),
      verdict: { kind: 'retry', ...(code === 'timeout' && { notBeforeMs: BUSY_WAIT_MS }) },
    };
  }
}

/** Not tried; looked at again later. */
export function hold(at: number, reason: string, forMs: number): AttemptOutcome {
  return { attempt: untried(at, reason), verdict: { kind: 'hold', untilMs: at + forMs } };
}

/** No attempt can succeed. */
export function final(at: number, error: string): AttemptOutcome {
  return { attempt: untried(at, error), verdict: { kind: 'final' } };
}
