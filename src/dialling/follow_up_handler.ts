import type { Logger } from 'pino';
import type { Profile } from '../config/profile.ts';
import { beginAttempt } from '../delivery/attempt_record.ts';
import type { AttemptOutcome, JobHandler } from '../delivery/job_handler.ts';
import { createRetrySchedule } from '../delivery/retry_schedule.ts';
import { DAY_MS } from '../durations.ts';
import type { Append, CallRecord, ClaimedJob, Store } from '../store/store.ts';
import type { AcceptCall, CallRequest } from './call_acceptance.ts';
import { chainOf } from './call_chain.ts';
import { followUpRequest } from './follow_up_request.ts';
import { knownAfter, ruleRequests } from './rule_requests.ts';
import { acceptInTime } from './timely_acceptance.ts';

/*
 * From `call.completed` to the calls that it leads to
 * ===================================================
 *
 *   job made in the append of call.completed
 *     │
 *     └─ attempt ─┬─ neither follow-up nor rule for it, or the chain is long enough ─▶ DONE
 *          ▲      └─ for each of its follow-up and rules:
 *          │           ├─ accepted by the gate, with its dial job ───────────────────▶ DONE
 *          │           ├─ refused for good (suppressed, no consent, …) ──────────────▶ DONE, logged
 *          │           └─ refused for now (a cap, the spend cap) ──┬─ after 2 days ──▶ DONE, logged
 *          └───────────────────────── in an hour ──────────────────┘
 *
 * The id of a call that follows comes from the call before it: an attempt that is repeated, after
 * whatever crash, finds it and makes no second one. From then on it is a call like any that the API has
 * accepted: the gate judges it again when it is dialled, and `POST /v1/calls/{id}/end` prevents it.
 */

export interface FollowUpOptions {
  store: Pick<Store, 'getCall' | 'listFacts' | 'listCallEvents'>;
  accept: AcceptCall;
  /** SIP_CALLER_NUMBER, which may be unset; `null` without an outbound trunk. */
  callerNumber: string | undefined | null;
  /** What an agent's profile says now; `undefined` where it is gone. */
  profileOf: (agentId: string) => Pick<Profile, 'followUps' | 'rules'> | undefined;
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
    const record = beginAttempt(at);
    const outcome = (verdict: AttemptOutcome['verdict'], error: string | null = null) => ({
      attempt: record({ error }),
      verdict,
    });
    try {
      const call = await this.#options.store.getCall(job.callId ?? '');
      const requests = call === null ? [] : await this.#requestsOf(call, job.createdAt);
      let later = 0;
      for (const request of requests) {
        if (!(await this.#place(request, at, job.createdAt))) later += 1;
      }
      if (later === 0) return outcome({ kind: 'success' });
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

  async #requestsOf(call: CallRecord, completedAt: number): Promise<CallRequest[]> {
    const { store, profileOf, callerNumber, log } = this.#options;
    const { followUps = [], rules = [] } = profileOf(call.agentId) ?? {};
    if (followUps.length + rules.length === 0) return [];
    if (callerNumber === null) {
      log.warn({ call: call.id }, 'nobody is called after a call: there is no outbound trunk');
      return [];
    }
    const chain = await chainOf(store, call);
    const given = { chain, completedAt, callerNumber };
    const followUp = followUpRequest(call, { ...given, rules: followUps });
    const requests = followUp === null ? [] : [followUp];
    if (rules.length === 0) return requests;
    const [facts, events] = await Promise.all([
      store.listFacts(call.id),
      store.listCallEvents(call.id),
    ]);
    const known = knownAfter(call, facts, events);
    return [...requests, ...ruleRequests(call, { ...given, rules, known })];
  }

  /** Whether that was the last word on it. */
  async #place(request: CallRequest, now: number, completedAt: number): Promise<boolean> {
    const { accept, log } = this.#options;
    const { followsCallId: call, agentId: agent, scheduledFor, madeByRule: by_rule } = request;
    const accepted = await acceptInTime(accept, request);
    if (accepted.status === 'accepted') {
      const { id, outbound } = accepted.call;
      const scheduled_for = isoOf(outbound?.scheduledFor);
      log.info({ call, next: id, agent, by_rule, scheduled_for }, 'a call follows');
      return true;
    }
    const { status, code } = accepted;
    const patient = now < (scheduledFor ?? completedAt) + PATIENCE_MS;
    if (status === 'not_yet' && patient) {
      log.info({ call, agent, by_rule, code }, 'the gate lets no call follow yet');
      return false;
    }
    log.warn({ call, agent, by_rule, code }, 'the gate lets no call follow');
    return true;
  }
}

function isoOf(ms: number | null | undefined): string | null {
  return typeof ms === 'number' ? new Date(ms).toISOString() : null;
}
