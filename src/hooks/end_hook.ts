import type { Profile } from '../config/profile.ts';
import type { WebhookEndpoint } from '../delivery/endpoint.ts';
import { exhausted } from '../delivery/exhausted.ts';
import type { AttemptOutcome, JobHandler } from '../delivery/job_handler.ts';
import { createReachAgents, type ReachAgentOptions } from '../delivery/reach_agents.ts';
import { final, hold, sendSigned } from '../delivery/send_signed.ts';
import { endHookBody } from '../events/end_hook_job.ts';
import { derivedId } from '../ids.ts';
import type { Append, ClaimedJob, Store } from '../store/store.ts';
import { type EndBody, endBody } from './end_body.ts';
import { HOOK_SIGNATURES } from './hook_post.ts';
import { type HookSecretSource, hookSecret } from './hook_secret.ts';

export interface EndHookOptions extends Omit<ReachAgentOptions, 'connectTimeoutMs'> {
  store: Pick<Store, 'getCall' | 'listCallEvents'>;
  /** The agent as its profile is now; `null` where it is gone. */
  profileOf: (agentId: string) => Profile | null;
  secrets: HookSecretSource;
  /** From the first byte dialled to the last byte read (Default: 15 s) */
  deadlineMs?: number;
  /** How long a delivery that cannot be tried waits before it looks again (Default: 15 s) */
  holdMs?: number;
  /** The wall clock, milliseconds (Default: `Date.now`) */
  clock?: () => number;
}

/**
 * Tells a backend of the end of a call that its start hook was asked about: a delivery like any other,
 * tried again by the same schedule, to the URL and with the secret that the profile has at each attempt.
 * It is the operator's own, so nothing ever disables it.
 */
export class EndHookHandler implements JobHandler {
  readonly kind = 'end_hook';
  readonly #options: EndHookOptions;
  readonly #agents: ReturnType<typeof createReachAgents>;

  constructor(options: EndHookOptions) {
    this.#options = options;
    this.#agents = createReachAgents({ ...options, connectTimeoutMs: this.#deadlineMs });
  }

  async attempt(job: ClaimedJob, signal: AbortSignal): Promise<AttemptOutcome> {
    const at = this.#clock();
    const holdMs = this.#options.holdMs ?? 15_000;
    const destination = this.#destination(job);
    if (destination === null) return final(at, 'unknown_endpoint');
    if (destination.status === 'hold') return hold(at, destination.reason, holdMs);
    const told = await this.#told(job).catch(() => 'unreadable' as const);
    if (told === 'unreadable') return hold(at, 'store', holdMs);
    if (told === null) return final(at, 'no_event');
    return await sendSigned(this.#agents, {
      destination,
      body: Buffer.from(JSON.stringify(told.body)),
      // Of the call: a replay is the same message again.
      messageId: derivedId('msg', told.endedAt, `${job.callId} end hook`),
      deliveryId: job.id,
      refusals: 0,
      at,
      deadlineMs: this.#deadlineMs,
      holdMs,
      signal,
    });
  }

  #destination(job: ClaimedJob): ReturnType<WebhookEndpoint['destination']> | null {
    const profile = this.#options.profileOf(job.target.replace(/^hook:/, ''));
    const url = profile?.hooks?.onCallEnd;
    if (!profile || url === undefined) return null;
    try {
      return {
        status: 'ready',
        url: new URL(url),
        secrets: { current: hookSecret(profile, this.#options.secrets) },
        families: HOOK_SIGNATURES,
        reach: 'operator',
      };
    } catch {
      return { status: 'hold', reason: 'no_secret' };
    }
  }

  /** `null` where the call is gone, or its persons were taken out of it. */
  async #told(job: ClaimedJob): Promise<{ body: EndBody; endedAt: number } | null> {
    const { store } = this.#options;
    const call = job.callId === null ? null : await store.getCall(job.callId);
    const told = endHookBody.safeParse(job.body).data;
    if (!call || !told) return null;
    const events = await store.listCallEvents(call.id);
    const body = endBody(call, events, told.metadata);
    return body && { body, endedAt: call.endedAt ?? call.createdAt };
  }

  result(job: ClaimedJob, outcome: AttemptOutcome, end: 'done' | 'exhausted'): Append | null {
    if (end === 'done') return null;
    const id = endHookBody.safeParse(job.body).data?.eventId ?? '';
    return exhausted(job, {
      endpointId: job.target,
      event: { id, type: 'call.ended' },
      attempt: outcome.attempt,
      time: this.#clock(),
    });
  }

  /** Drops idle connections. Call it once the loop has stopped. */
  async close(): Promise<void> {
    await Promise.all(Object.values(this.#agents).map((agent) => agent.destroy()));
  }

  get #deadlineMs(): number {
    return this.#options.deadlineMs ?? 15_000;
  }

  #clock(): number {
    return (this.#options.clock ?? Date.now)();
  }
}
