import type { Logger } from 'pino';
import type { FollowUpRule } from '../config/follow_up_rules.ts';
import type { AttemptOutcome, JobHandler } from '../delivery/job_handler.ts';
import { createRetrySchedule } from '../delivery/retry_schedule.ts';
import { DAY_MS } from '../durations.ts';
import type { Append, CallRecord, ClaimedJob, Store } from '../store/store.ts';
import type { AcceptCall, CallRequest } from './call_acceptance.ts';
import { chainOf } from './call_chain.ts';
import { followUpRequest } from './follow_up_request.ts';
import { acceptInTime } from './timely_acceptance.ts';

/*
 * From `call.completed` to the calls that it leads to
 * ===================================================
 *
 *   job made in the append of call.completed
 *     │
 *     └─ attempt ─┬─ no rule for this call, or the chain is long enough ─▶ DONE
 *          ▲      ├─ accepted by the gate: scheduled, with its dial job ─▶ DONE
 *          │      ├─ refused for good (suppressed, no consent, …) ───────▶ DONE, logged
 *          │      └─ refused for now (a cap, the spend cap) ──┬─ 2 days ─▶ DONE, logged
 *          └──────────────────────── in an hour ──────────────┘
 *
 * The id of the call that follows is that of the call it follows: an attempt that is repeated, after
 * whatever crash, finds it and makes no second one. From then on it is a call like any that the API has
 * accepted: the gate judges it again when it is dialled, and `POST /v1/calls/{id}/end` prevents it.
 */

export interface FollowUpOptions {
  store: Pick<Store, 'getCall'>;
  accept: AcceptCall;
  /** SIP_CALLER_NUMBER, which may be unset; `null` without an outbound trunk. */
  callerNumber: string | undefined | null;
  /** The rules of an agent, as its profile has them now. */
  followUpsOf: (agentId: string) => readonly FollowUpRule[];
  log: Logger;
  /** Milliseconds (Default: `Date.now`) */
  clock?: () => number;
}

const ASK_AGAIN_MS = 3_600_000;
const PATIENCE_MS = 2 * DAY_MS;
const HOURS = 48;

/** Places the calls that follow a completed one. See the top of this file. */
export class FollowUpHandler implements JobHandler {
  readonly kind = 'follow_up';
  /** Only for a store that cannot be read or written to. */
  readonly schedule = createRetrySchedule({
    steps: [1_000, 5_000, 30_000, 60_000, 300_000, ...Array<number>(HOURS).fill(3_600_000)],
  });
  readonly lanes = 8;
  readonly #options: FollowUpOptions;
  readonly #clock: () => number;

  constructor(options: FollowUpOptions) {
    this.#options = options;
    this.#clock = options.clock ?? Date.now;
  }

  async attempt(job: ClaimedJob, signal: AbortSignal): Promise<AttemptOutcome> {
    const at = this.#clock();
    const started = performance.now();
    const outcome = (verdict: AttemptOutcome['verdict'], error: string | null = null) => ({
      attempt: {
        at,
        durationMs: Math.round(performance.now() - started),
        status: null,
        error,
        response: null,
      },
      verdict,
    });
    try {
      const call = await this.#options.store.getCall(job.callId ?? '');
      const request = call && (await this.#requestOf(call, job.createdAt));
      if (!request || (await this.#place(request, at))) return outcome({ kind: 'success' });
      return outcome({ kind: 'hold', untilMs: at + ASK_AGAIN_MS }, 'not_yet');
    } catch (error) {
      if (signal.aborted) return outcome({ kind: 'hold', untilMs: at }, 'aborted');
      this.#options.log.error({ err: error, call: job.callId }, 'a call could not be followed up');
      return outcome({ kind: 'retry' }, 'store');
    }
  }

  result(): Append | null {
    return null;
  }

  async #requestOf(call: CallRecord, completedAt: number): Promise<CallRequest | null> {
    const { store, followUpsOf, callerNumber, log } = this.#options;
    const rules = followUpsOf(call.agentId);
    if (rules.length === 0) return null;
    if (callerNumber === null) {
      log.warn({ call: call.id }, 'a call is not followed up: there is no outbound trunk');
      return null;
    }
    const chain = await chainOf(store, call);
    return followUpRequest(call, { rules, chain, completedAt, callerNumber });
  }

  /** Whether that was the last word on it. */
  async #place(request: CallRequest, now: number): Promise<boolean> {
    const { accept, log } = this.#options;
    const { followsCallId: call, scheduledFor } = request;
    const accepted = await acceptInTime(accept, request);
    if (accepted.status === 'accepted') {
      const { id, outbound } = accepted.call;
      log.info({ call, follow_up: id, scheduled_for: isoOf(outbound?.scheduledFor) }, 'followed up');
      return true;
    }
    const { status, code } = accepted;
    const patient = now < (scheduledFor ?? now) + PATIENCE_MS;
    if (status === 'not_yet' && patient) {
      log.info({ call, code }, 'the gate lets a call not be followed up yet');
      return false;
    }
    log.warn({ call, code }, 'the gate lets a call not be followed up');
    return true;
  }
}

function isoOf(ms: number | null | undefined): string | null {
  return typeof ms === 'number' ? new Date(ms).toISOString() : null;
}
