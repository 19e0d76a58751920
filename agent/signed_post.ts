import { type Agent, request } from 'undici';
import { MAX_ANSWER_BYTES } from '../src/delivery/answer_body.ts';
import { USER_AGENT } from '../src/delivery/user_agent.ts';

/** As long as a delivery waits for its receiver. */
export const ANSWER_LIMIT_MS = 15_000;

/** What a receiver made of a request. `error` is a code such as `ECONNREFUSED`, or `timeout`. */
export type PostOutcome = { durationMs: number } & (
  | { status: number; error: null }
  | { status: null; error: string }
);

/** Posts a body as a delivery does: no redirects, and the status decides as soon as it is there. */
export async function signedPost({
  url,
  headers,
  body,
  dispatcher,
  signal,
  limitMs = ANSWER_LIMIT_MS,
}: {
  url: URL;
  /** The signatures. */
  headers: Record<string, string>;
  body: string;
  dispatcher: Agent;
  signal?: AbortSignal;
  limitMs?: number;
}): Promise<PostOutcome> {
  const started = performance.now();
  const durationMs = () => Math.round(performance.now() - started);
  const limit = AbortSignal.timeout(limitMs);
  try {
    const answer = await request(url, {
      dispatcher,
      method: 'POST',
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
      headers: { 'content-type': 'application/json', 'user-agent': USER_AGENT, ...headers },
      body,
    });
    const outcome = { status: answer.statusCode, error: null, durationMs: durationMs() };
    await answer.body.dump({ limit: MAX_ANSWER_BYTES, signal: limit }).catch(() => undefined);
    return outcome;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const reason = typeof code === 'string' ? code : 'no answer';
    return { status: null, error: limit.aborted ? 'timeout' : reason, durationMs: durationMs() };
  }
}
