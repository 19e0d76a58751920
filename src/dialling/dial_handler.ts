import type { Logger } from 'pino';
import { z } from 'zod';
import type { CallTicket } from '../call/call_ticket.ts';
import { beginAttempt } from '../delivery/attempt_record.ts';
import type { AttemptOutcome, JobHandler } from '../delivery/job_handler.ts';
import { createRetrySchedule } from '../delivery/retry_schedule.ts';
import { draftEvent } from '../events/catalogue.ts';
import type { DialGate } from '../gate/dial_gate.ts';
import { derivedId } from '../ids.ts';
import type { Append, CallRecord, ClaimedJob, Store } from '../store/store.ts';
import type { DialDesk } from './dial_desk.ts';

/*
 * A job of kind `dial`
 * ====================
 *
 *   due ─▶ no slot, trunk busy, too many this second ──▶ waits (counts no attempt)
 *    │
 *    ├─▶ outside the callee's hours ────────────────────▶ waits until they open
 *    ├─▶ the gate says no ──────────────────────────────▶ call.ended `blocked`
 *    ▼
 *   taken: a new lease ─▶ dispatched to a call process ─▶ it begins: done
 *                                │ nobody takes it up within 10 s
 *                                ▼
 *                          room deleted, tried again: 1 s, 2 s, 5 s, 10 s, 30 s, then `dial_failed`
 *
 * A call that somebody has begun to dial is done for this handler, whatever became of it: it is held
 * by a lease, and the sweep's when that process dies. So a repeated job never dials twice.
 */

export interface DialHandlerOptions {
  store: Pick<Store, 'getCall' | 'takeForDialling' | 'recordGate'>;
  desk: Pick<DialDesk, 'takenUp'>;
  gate: Pick<DialGate, 'atDialling'>;
  /** Slots, and what the trunk allows. */
  capacity: DialCapacity;
  /** Dispatches the call to a worker of LiveKit's choice. */
  dispatch: (call: CallRecord, ticket: CallTicket) => Promise<void>;
  /** Deletes the room of a call that nobody has taken up. */
  release: (call: CallRecord) => Promise<void>;
  /** Ends a call that was never dialled. */
  end: (call: CallRecord, lease: number, reason: 'blocked' | 'dial_failed') => Promise<void>;
  log: Logger;
  clock?: () => number;
}

export interface DialCapacity {
  /** A place for one more call, or when to ask again. To be given back when a process has the call. */
  reserve(callId: string): { ok: true; release: () => void } | { ok: false; againInMs: number };
}

/** For the dispatch and the process to begin: a cold one needs seconds to load. */
const TAKE_UP_LIMIT_MS = 10_000;

/** Longer than everything between the take and the begin. */
const DIAL_LEASE_MS = 60_000;

const Body = z.object({ call: z.string() });

/** Hands outbound calls to call processes when their time has come. See the top of this file. */
export class DialHandler implements JobHandler {
  readonly kind = 'dial';
  readonly schedule = createRetrySchedule({ steps: [1_000, 2_000, 5_000, 10_000, 30_000] });
  readonly #options: DialHandlerOptions;
  readonly #clock: () => number;

  constructor(options: DialHandlerOptions) {
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
      const { call: callId } = Body.parse(job.body);
      const place = this.#options.capacity.reserve(callId);
      if (!place.ok) return outcome({ kind: 'hold', untilMs: at + place.againInMs }, 'no_capacity');
      try {
        return await this.#dial(callId, signal, outcome);
      } finally {
        place.release();
      }
    } catch (error) {
      if (signal.aborted) return outcome({ kind: 'hold', untilMs: at }, 'aborted');
      this.#options.log.error({ err: error, job: job.id }, 'a call could not be dispatched');
      return outcome({ kind: 'retry' }, 'dispatch_failed');
    }
  }

  result(job: ClaimedJob, _: AttemptOutcome, end: 'done' | 'exhausted'): Append | null {
    if (end === 'done' || job.callId === null) return null;
    return neverDialled(job.callId, job.createdAt, 'dial_failed', this.#clock());
  }

  async #dial(
    callId: string,
    signal: AbortSignal,
    outcome: (verdict: AttemptOutcome['verdict'], error?: string | null) => AttemptOutcome,
  ): Promise<AttemptOutcome> {
    const { store, gate, desk, dispatch, release, end, log } = this.#options;
    const waiting = await store.getCall(callId);
    if (!waiting || !isWaiting(waiting)) return outcome({ kind: 'success' });

    const decision = await gate.atDialling(waiting);
    const record = () =>
      store.recordGate(callId, { ...waiting.outbound?.gate, dialling: decision.record });
    if (decision.verdict === 'wait') {
      await record();
      log.info({ callId, until: new Date(decision.until).toISOString() }, 'a call waits');
      return outcome({ kind: 'hold', untilMs: decision.until }, 'outside_calling_hours');
    }

    const turn = await store.takeForDialling(callId, DIAL_LEASE_MS);
    if (turn.status !== 'taken') return outcome({ kind: 'success' });
    const { call, lease } = turn;
    // Beside the dispatch: only whoever asks why needs it, and it takes an fsync.
    const recorded = record();
    recorded.catch(() => undefined);
    if (decision.verdict === 'block') {
      await recorded;
      log.warn({ callId }, 'the gate lets this call not be dialled');
      await end(call, lease, 'blocked');
      return outcome({ kind: 'success' });
    }
    await dispatch(call, { call: callId as CallTicket['call'], lease, task: 'dial' });
    await recorded;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(TAKE_UP_LIMIT_MS)]);
    if (await desk.takenUp(callId, limit)) return outcome({ kind: 'success' });
    signal.throwIfAborted();
    log.warn({ callId, lease }, 'nobody has taken an outbound call up');
    await release(call);
    return outcome({ kind: 'retry' }, 'not_taken_up');
  }
}

function isWaiting({ state }: CallRecord): boolean {
  return state === 'queued' || state === 'scheduled';
}

/** The end of a call whose phone never rang; its ids follow from the call, so it is written once. */
export function neverDialled(
  callId: string,
  createdAt: number,
  reason: 'blocked' | 'dial_failed' | 'ended_by_api',
  time: number,
): Append {
  const draft = (type: string) => derivedId('evt', createdAt, `${callId} never dialled ${type}`);
  return {
    callId,
    events: [
      draftEvent('call.failed', { sip_status: null, reason }, { id: draft('call.failed'), time }),
      draftEvent('call.ended', { end_reason: reason }, { id: draft('call.ended'), time }),
    ],
  };
}
