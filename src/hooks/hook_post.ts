import { errorCode } from '../delivery/attempt_error.ts';
import { post } from '../delivery/post.ts';
import type { ReachAgents } from '../delivery/reach_agents.ts';
import { USER_AGENT } from '../delivery/user_agent.ts';
import { type SignatureFamily, signRequest } from '../events/signatures.ts';
import { newId } from '../ids.ts';

/** The signatures of a hook; see `src/events/signatures.ts`. */
export const HOOK_SIGNATURES: readonly SignatureFamily[] = ['standard', 'timestamped', 'veevo'];

/** Where a hook is, and whether it may know that it is we who ask. */
export interface HookTarget {
  url: URL;
  /** What the URL may lead to: see `src/delivery/reach.ts`. */
  reach: 'operator' | 'guarded';
  /** `null`: signed by nobody, for the address is not the operator's. */
  secret: string | null;
}

export interface HookRequest {
  target: HookTarget;
  body: Record<string, unknown>;
  headers?: Record<string, string>;
  /** From now to the last byte of the answer. */
  deadlineMs: number;
  /** How much of the answer is read. */
  maxBytes: number;
  signal: AbortSignal;
}

export type HookAnswer =
  | { ok: true; text: string; cut: boolean }
  /** `code` is `timeout`, `status`, `redirect`, `address_refused`, one of `CONNECTION_FAULTS`, … */
  | { ok: false; code: string; status: number | null };

/**
 * One signed request to a hook. A 2xx answers it; redirects are not followed, for they would hand a
 * signed request to a host that nobody configured. Never rejects, except with the reason of `signal`.
 */
export async function postHook(agents: ReachAgents, request: HookRequest): Promise<HookAnswer> {
  const { target, deadlineMs, maxBytes, signal } = request;
  const body = Buffer.from(JSON.stringify(request.body));
  const headers = {
    'Content-Type': 'application/json',
    Accept: 'application/json',
    'User-Agent': USER_AGENT,
    ...request.headers,
    ...(target.secret !== null && signature(target.secret, body)),
  };
  try {
    const options = { url: target.url, headers, body, deadlineMs, maxBytes, signal };
    const { status, text, cut } = await post(agents[target.reach], options);
    if (status >= 200 && status < 300) return { ok: true, text, cut };
    return { ok: false, code: status < 400 ? 'redirect' : 'status', status };
  } catch (error) {
    signal.throwIfAborted();
    return { ok: false, code: errorCode(error), status: null };
  }
}

function signature(secret: string, body: Buffer): Record<string, string> {
  const id = newId('msg');
  return signRequest({
    families: HOOK_SIGNATURES,
    secrets: { current: secret },
    eventId: id,
    deliveryId: id,
    timestampInSeconds: Math.floor(Date.now() / 1000),
    body,
  });
}
