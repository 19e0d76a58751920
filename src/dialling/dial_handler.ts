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
 *                                │ not within 10 s       ▲
 *                                ▼                       │
 *                          a worker has the job? ── yes ─┘ (waits, for 2 min at most)
 *                                │ no
 *                                ▼
 *                          room deleted, tried again: 1 s, 2 s, 5 s, 10 s, 30 s, then `dial_failed`
 *
 * A process that is slow to start is waited for: dispatched again, the next one would wait behind it,
 * and a busy machine would start six processes for one call.
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
  /** Dispatches the call to a worker of LiveKit's choice. Resolves with the dispatch's id. */
  dispatch: (call: CallRecord, ticket: CallTicket) => Promise<string>;
  /** Whether a worker has the job of this dispatch, as far as is known. */
  isComing: (call: CallRecord, dispatchId: string) => Promise<boolean>;
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

/** For the dispatch and the process to begin, before it is asked whether one comes. */
const TAKE_UP_LIMIT_MS = 10_000;

/** A process gets 60 s to load, and two calls may be waiting for one. */
const COMING_LIMIT_MS = 120_000;

/** Longer than everything between the take and the begin. */
const DIAL_LEASE_MS = COMING_LIMIT_MS + 60_000;

/** A call that was dispatched, until a process begins to dial it or none comes. */
interface HandOver {
  call: CallRecord;
  lease: number;
  dispatchId: string;
  /** By `performance.now()`. */
  until: number;
}

/** What becomes of an attempt: its verdict, and why it is not the last one. */
type Turn = [verdict: AttemptOutcome['verdict'], error?: string];

const Body = z.object({ call: z.string() });

/** Hands outbound calls to call processes when their time has come. See the top of this file. */
export class DialHandler implements JobHandler {
  readonly kind = 'dial';
  readonly schedule = createRetrySchedule({ steps: [1_000, 2_000, 5_000, 10_000, 30_000] });
  readonly #options: DialHandlerOptions;
  readonly #clock: () => number;
  /** By call. */
  readonly #handedOver = new Map<string, HandOver>();
  /** How to give back the place that a call has taken. */
  readonly #places = new Map<string, () => void>();

  constructor(options: DialHandlerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? Date.now;
  }

  async attempt(job: ClaimedJob, signal: AbortSignal): Promise<AttemptOutcome> {
    const at = this.#clock();
    const record = beginAttempt(at);
    const [verdict, error = null] = await this.#turn(job, at, signal);
    return { attempt: record({ error }), verdict };
  }

  result(job: ClaimedJob, _: AttemptOutcome, end: 'done' | 'exhausted'): Append | null {
    if (end === 'done' || job.callId === null) return null;
    this.#forget(job.callId);
    return neverDialled(job.callId, job.createdAt, 'dial_failed', this.#clock());
  }

  async #turn(job: ClaimedJob, at: number, signal: AbortSignal): Promise<Turn> {
    let callId = '';
    try {
      callId = Body.parse(job.body).call;
      if (!this.#places.has(callId)) {
        const place = this.#options.capacity.reserve(callId);
        if (!place.ok) return [{ kind: 'hold', untilMs: at + place.againInMs }, 'no_capacity'];
        this.#places.set(callId, place.release);
      }
      return await this.#dial(callId, at, signal);
    } catch (error) {
      if (signal.aborted) return [{ kind: 'hold', untilMs: at }, 'aborted'];
      this.#options.log.error({ err: error, job: job.id }, 'a call could not be dispatched');
      return [{ kind: 'retry' }, 'dispatch_failed'];
    } finally {
      // A call that was handed over keeps its place until it is known what became of it.
      if (!this.#handedOver.has(callId)) this.#forget(callId);
    }
  }

  async #dial(callId: string, at: number, signal: AbortSignal): Promise<Turn> {
    const { store, desk, isComing, release, log } = this.#options;
    const waiting = await store.getCall(callId);
    if (!waiting || !isWaiting(waiting)) return this.#done(callId);

    const before = this.#handedOver.get(callId);
    const next = before?.lease === waiting.lease ? before : await this.#handOver(waiting);
    if (Array.isArray(next)) return next;
    this.#handedOver.set(callId, next);
    const limit = AbortSignal.any([signal, AbortSignal.timeout(TAKE_UP_LIMIT_MS)]);
    if (await desk.takenUp(callId, limit)) return this.#done(callId);
    signal.throwIfAborted();
    const { call, lease, dispatchId, until } = next;
    // A LiveKit that cannot be asked is no reason to start another process.
    if (performance.now() < until && (await isComing(call, dispatchId).catch(() => true))) {
      log.info({ callId, lease }, 'the process for an outbound call is still starting');
      return [{ kind: 'hold', untilMs: at }, 'process_starting'];
    }
    log.warn({ callId, lease }, 'nobody has taken an outbound call up');
    this.#handedOver.delete(callId);
    await release(call);
    return [{ kind: 'retry' }, 'not_taken_up'];
  }

  #forget(callId: string): void {
    this.#handedOver.delete(callId);
    this.#places.get(callId)?.();
    this.#places.delete(callId);
  }

  #done(callId: string): Turn {
    this.#handedOver.delete(callId);
    return [{ kind: 'success' }];
  }

  /** Gives a call to a process, or says why not. */
  async #handOver(waiting: CallRecord): Promise<HandOver | Turn> {
    const { store, gate, dispatch, end, log } = this.#options;
    const callId = waiting.id;
    this.#handedOver.delete(callId);
    const decision = await gate.atDialling(waiting);
    const record = () =>
      store.recordGate(callId, { ...waiting.outbound?.gate, dialling: decision.record });
    if (decision.verdict === 'wait') {
      await record();
      log.info({ callId, until: new Date(decision.until).toISOString() }, 'a call waits');
      return [{ kind: 'hold', untilMs: decision.until }, 'outside_calling_hours'];
    }

    const turn = await store.takeForDialling(callId, DIAL_LEASE_MS);
    if (turn.status !== 'taken') return [{ kind: 'success' }];
    const { call, lease } = turn;
    // Beside the dispatch: only whoever asks why needs it, and it takes an fsync.
    const recorded = record();
    recorded.catch(() => undefined);
    if (decision.verdict === 'block') {
      await recorded;
      log.warn({ callId }, 'the gate lets this call not be dialled');
      await end(call, lease, 'blocked');
      return [{ kind: 'success' }];
    }
    const ticket = { call: callId as CallTicket['call'], lease, task: 'dial' } as const;
    const dispatchId = await dispatch(call, ticket);
    await recorded;
    return { call, lease, dispatchId, until: performance.now() + COMING_LIMIT_MS };
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
