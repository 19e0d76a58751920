import type { Logger } from 'pino';
import type { Append, ClaimedJob, JobKind, Settlement, Store } from '../store/store.ts';
import { logAttempt } from './attempt_line.ts';
import { beginAttempt, untried } from './attempt_record.ts';
import type { AttemptOutcome, JobHandler } from './job_handler.ts';
import type { RetrySchedule } from './retry_schedule.ts';
import { SettlementWriter } from './settlement_writer.ts';
import { TargetLanes } from './target_lanes.ts';

/*
 * A job
 * =====
 *
 *            claim            lane, attempt
 *   WAITING ───────▶ CLAIMED ──────────────────▶ settled, by the handler's verdict:
 *      ▲                │
 *      │                │                          success ─▶ DONE       (+ the handler's append)
 *      │                │                          final ───▶ EXHAUSTED  (+ the handler's append)
 *      │                │                          retry ───▶ steps left? WAITING until the next one
 *      │                │                                     none left?  EXHAUSTED (+ append)
 *      │                │                          hold ────▶ WAITING, and the attempt counts nothing
 *      │                │ the process died, or the store could not be told
 *      └────────────────┘ when the claim's lease runs out
 *
 * A claim belongs to one attempt and lasts longer than the attempt may: nobody tries a job that is
 * being tried. Whoever dies after the request and before the settlement causes a second request:
 * at least once, with the same id. A settlement, its append included, is one transaction, so the
 * end of a job is recorded exactly once.
 *
 * The loop
 * ========
 *
 *   STOPPED ──start()──▶ RUNNING ──stop()──▶ DRAINING ──▶ ABORTING ──▶ STOPPED
 *
 * RUNNING   claims whenever there is room and something may be due: after a commit with jobs that are
 *           due before it would look anyway, when the next job falls due, after a settlement where jobs
 *           had been left for want of room or one was put off, and every `pollMs` at the latest.
 * DRAINING  claims nothing more; attempts under way go on.
 * ABORTING  after stop's deadline: attempts are aborted and their jobs go back to WAITING at once.
 */

export interface DeliveryLoopOptions {
  store: Pick<Store, 'claimJobs' | 'settleJobs' | 'nextDueAt' | 'recallJobs' | 'onJobs'>;
  handlers: readonly JobHandler[];
  /** Of handlers without one of their own. */
  schedule: RetrySchedule;
  log: Logger;
  /** The wall clock, milliseconds (Default: `Date.now`) */
  clock?: () => number;
  /** Jobs that are claimed at the same time (Default: 1200) */
  concurrency?: number;
  /**
   * Attempts at the same time to one target (Default: 50). Seven times as many more may be claimed
   * ahead, but never more than half of what is free: however many targets begin to hang, for 15 s
   * each, the last slots go to those with next to nothing under way. Of an endpoint of the API whose
   * last attempt failed there are 2, and all of those together get half of `concurrency`.
   */
  perTarget?: number;
  /** How long a claim lasts; three quarters of it are the most that an attempt gets (Default: 60 s) */
  leaseMs?: number;
  /** How often is looked for jobs that were put off before the clock was set back (Default: 60 s) */
  recallEveryMs?: number;
  /** Backstop for wake-ups that never come: another machine's jobs, run-out claims (Default: 5 s) */
  pollMs?: number;
}

/** What an aborted handler gets to return its outcome before its job is returned without it. */
const ABORT_GRACE_MS = 1000;
const LEAST_HOLD_MS = 100;
/**
 * One under way, and what the lane gets through while results are gathered, settled and new jobs
 * claimed. With 2 a fast endpoint's lanes stood idle half of the time; with 4 the batches were smaller,
 * and a pile went out a tenth slower.
 */
const CLAIMED_PER_LANE = 8;
/** How many of the last free slots a target may still have. */
const LAST_SLOTS = 2;
/** One could be unlucky; two that wait for an answer waste little. */
const FAILING_PER_TARGET = 2;
/** While a target is at its limit, its overdue jobs hide from `nextDueAt` what others have due. */
const BLOCKED_POLL_MS = 500;
const STORE_RETRY_MS = 1000;
/**
 * Between a commit with jobs and the claim. The tools of one model turn append one after the other,
 * and a claim in between made the next one wait (tool call → result p50 21 → 13 ms with this pause).
 */
const GATHER_MS = 10;

interface Running {
  controller: AbortController;
  finished: Promise<void>;
}

/** Does the store's jobs, of every kind, until stopped. See the top of this file. */
export class DeliveryLoop {
  readonly #store: DeliveryLoopOptions['store'];
  readonly #handlers: ReadonlyMap<JobKind, JobHandler>;
  readonly #schedule: RetrySchedule;
  readonly #log: Logger;
  readonly #attemptLog: Logger;
  readonly #clock: () => number;
  readonly #concurrency: number;
  readonly #perTarget: number;
  readonly #leaseMs: number;
  readonly #pollMs: number;
  readonly #recallEveryMs: number;
  readonly #settlements: SettlementWriter;
  readonly #running = new Set<Running>();
  #lanes!: TargetLanes;
  #state: 'stopped' | 'running' | 'draining' | 'aborting' = 'stopped';
  #claiming: Promise<void> = Promise.resolve();
  #unsubscribe = () => {};
  /** By a clock that nobody sets. */
  #recallAt = 0;
  /** Ends the current wait; a wake-up that comes before the wait is remembered. */
  #wake = () => {};
  #woken = false;
  /** When it looks the next time, if nothing wakes it; while it looks, what is new may be missed. */
  #looksAt = Number.POSITIVE_INFINITY;
  /** Whether the last claim left jobs that were due. */
  #leftSome = true;
  #gathering: NodeJS.Timeout | undefined;

  constructor(options: DeliveryLoopOptions) {
    this.#store = options.store;
    this.#handlers = new Map(options.handlers.map((handler) => [handler.kind, handler]));
    this.#schedule = options.schedule;
    this.#log = options.log;
    // Redaction costs 150 µs a line, and this one has no field that could hold a secret.
    this.#attemptLog = options.log.child({}, { redact: [] });
    this.#clock = options.clock ?? Date.now;
    this.#concurrency = options.concurrency ?? 1200;
    this.#perTarget = options.perTarget ?? 50;
    this.#leaseMs = options.leaseMs ?? 60_000;
    this.#pollMs = options.pollMs ?? 5000;
    this.#recallEveryMs = options.recallEveryMs ?? 60_000;
    this.#settlements = new SettlementWriter(options.store, options.log);
  }

  start(): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'running';
    this.#lanes = new TargetLanes({ patienceMs: this.#leaseMs / 8 });
    this.#unsubscribe = this.#store.onJobs((dueAt) => {
      if (dueAt < this.#looksAt) this.#wakeSoon();
    });
    this.#claiming = this.#claimWhileRunning();
  }

  /**
   * Claims nothing more, lets attempts under way go on for `deadlineMs`, then aborts them; their
   * jobs wait again and their attempts count nothing. Resolves when every outcome is in the store,
   * or at the latest a few seconds after the deadline: what is not settled by then is claimed
   * again when its lease runs out. A second, shorter stop cuts the first one short.
   */
  async stop({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    if (this.#state === 'stopped') return;
    if (this.#state === 'running') this.#state = 'draining';
    this.#lanes.close();
    this.#unsubscribe();
    clearTimeout(this.#gathering);
    this.#wakeUp();
    await within(deadlineMs, this.#idle());
    this.#state = 'aborting';
    for (const { controller } of this.#running) controller.abort();
    await within(3 * ABORT_GRACE_MS, this.#idle());
    this.#state = 'stopped';
  }

  async #idle(): Promise<void> {
    await this.#claiming;
    await Promise.all([...this.#running].map(({ finished }) => finished));
  }

  async #claimWhileRunning(): Promise<void> {
    while (this.#state === 'running') {
      this.#woken = false;
      let waitMs = this.#pollMs;
      try {
        await this.#recall();
        waitMs = await this.#claim();
      } catch (error) {
        this.#log.error({ err: error }, 'jobs could not be claimed');
        waitMs = STORE_RETRY_MS;
      }
      await this.#wait(waitMs);
    }
  }

  async #recall(): Promise<void> {
    if (performance.now() < this.#recallAt) return;
    const longestWaitMs = Math.max(this.#schedule.longestMs, this.#leaseMs);
    for (let recalled = 1; recalled > 0 && this.#state === 'running'; ) {
      recalled = await this.#store.recallJobs({ longestWaitMs });
      if (recalled > 0) this.#log.warn({ jobs: recalled }, 'the clock was set back: jobs recalled');
    }
    this.#recallAt = performance.now() + this.#recallEveryMs;
  }

  /** Starts what is due and there is room for. Returns the milliseconds until it may be worth a look. */
  async #claim(): Promise<number> {
    const room = this.#concurrency - this.#running.size;
    // A settlement makes room, and wakes.
    if (room <= 0) return this.#pollMs;
    const askedAt = this.#clock();
    const claimed = this.#store.claimJobs({
      limit: room,
      perTarget: Math.min(
        CLAIMED_PER_LANE * this.#perTarget,
        Math.max(LAST_SLOTS, Math.floor(room / 2)),
      ),
      leaseMs: this.#leaseMs,
      failing: { perTarget: FAILING_PER_TARGET, total: Math.floor(this.#concurrency / 2) },
    });
    // Asked in the same breath: each time the store's thread has to be woken costs as much as a POST.
    const next = this.#store.nextDueAt();
    next.catch(() => undefined);
    const jobs = await claimed;
    // Stopped without waiting for this answer: the claims run out by themselves.
    if (this.#state === 'stopped') return 0;
    for (const job of jobs) this.#begin(job);
    this.#leftSome = true;
    if (jobs.length === room) return this.#pollMs;
    const dueAt = await next;
    this.#leftSome = dueAt !== null && dueAt <= askedAt;
    if (dueAt === null) return this.#pollMs;
    // Overdue and yet not claimed: its target is at its limit, which only a settlement changes.
    if (dueAt <= askedAt) return Math.min(BLOCKED_POLL_MS, this.#pollMs);
    return Math.min(Math.max(dueAt - this.#clock(), 0), this.#pollMs);
  }

  #begin(job: ClaimedJob): void {
    const controller = new AbortController();
    const running: Running = { controller, finished: Promise.resolve() };
    running.finished = this.#do(job, controller)
      .finally(() => this.#running.delete(running))
      .then(({ state }) => {
        if (this.#leftSome || state === 'retry') this.#wakeUp();
      });
    this.#running.add(running);
    // Claimed while stop() was already aborting the others.
    if (this.#state === 'aborting') controller.abort();
  }

  async #do(job: ClaimedJob, controller: AbortController): Promise<Settlement['next']> {
    const lanes = this.#handlers.get(job.kind)?.lanes ?? this.#perTarget;
    const outcome = (await this.#lanes.enter(job.target, Math.min(lanes, this.#perTarget)))
      ? await this.#attempt(job, controller).finally(() => this.#lanes.leave(job.target))
      : laneless(this.#clock());
    const settlement = this.#settle(job, outcome);
    logAttempt(this.#attemptLog, job, outcome, settlement.next, this.#clock());
    // The eighth that is left behind the line and the attempt.
    await this.#settlements.write(settlement, this.#leaseMs / 8);
    return settlement.next;
  }

  /** Whatever the handler does, an outcome comes back before the claim runs out. */
  async #attempt(job: ClaimedJob, controller: AbortController): Promise<AttemptOutcome> {
    const at = this.#clock();
    const record = beginAttempt(at);
    const ended = (error: string, verdict: AttemptOutcome['verdict']): AttemptOutcome => ({
      attempt: record({ error }),
      verdict,
    });
    const handler = this.#handlers.get(job.kind);
    // Made by a newer version, or for a process with more handlers: nothing is lost by waiting.
    if (!handler) return ended('no_handler', { kind: 'hold', untilMs: at + this.#leaseMs });

    const mostMs = (3 * this.#leaseMs) / 4 - ABORT_GRACE_MS;
    const overdue = setTimeout(() => controller.abort(), mostMs);
    const { promise: deserted, resolve: desert } = Promise.withResolvers<null>();
    let grace: NodeJS.Timeout | undefined;
    controller.signal.addEventListener('abort', () => {
      grace = setTimeout(() => desert(null), ABORT_GRACE_MS);
    });
    try {
      const outcome = await Promise.race([handler.attempt(job, controller.signal), deserted]);
      const isEnd = outcome?.verdict.kind === 'success' || outcome?.verdict.kind === 'final';
      if (outcome && (isEnd || !controller.signal.aborted)) return outcome;
      if (this.#state === 'aborting') return ended('aborted', { kind: 'hold', untilMs: at });
      return ended('timeout', { kind: 'retry' });
    } catch (error) {
      this.#log.error({ err: error, job: job.id, kind: job.kind }, 'a job handler threw');
      return ended('handler_threw', { kind: 'retry' });
    } finally {
      clearTimeout(overdue);
      clearTimeout(grace);
    }
  }

  #settle(job: ClaimedJob, outcome: AttemptOutcome): Settlement {
    const { attempt, verdict } = outcome;
    const settlement = { jobId: job.id, claimId: job.claimId, attempt };
    const now = this.#clock();
    if (verdict.kind === 'hold') {
      // A hold in the past would be claimed again at once, and again: a hot loop.
      const at = this.#state === 'aborting' ? now : Math.max(verdict.untilMs, now + LEAST_HOLD_MS);
      return { ...settlement, next: { state: 'retry', at }, counts: false };
    }
    if (verdict.kind === 'success') {
      return { ...settlement, next: { state: 'done' }, ...this.#append(job, outcome, 'done') };
    }
    const schedule = this.#handlers.get(job.kind)?.schedule ?? this.#schedule;
    const delayMs = verdict.kind === 'retry' ? schedule.delayAfter(job.attempt, verdict) : null;
    if (delayMs !== null) {
      return { ...settlement, next: { state: 'retry', at: now + delayMs } };
    }
    const append = this.#append(job, outcome, 'exhausted');
    return { ...settlement, next: { state: 'exhausted' }, ...append };
  }

  #append(
    job: ClaimedJob,
    outcome: AttemptOutcome,
    end: 'done' | 'exhausted',
  ): { append?: Append } {
    try {
      const append = this.#handlers.get(job.kind)?.result(job, outcome, end);
      return append ? { append } : {};
    } catch (error) {
      this.#log.error({ err: error, job: job.id, kind: job.kind }, 'a job handler threw');
      return {};
    }
  }

  #wakeSoon(): void {
    this.#gathering ??= setTimeout(() => {
      this.#gathering = undefined;
      this.#wakeUp();
    }, GATHER_MS);
  }

  #wakeUp(): void {
    this.#woken = true;
    this.#wake();
  }

  async #wait(ms: number): Promise<void> {
    if (this.#woken || this.#state !== 'running') return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#wake = resolve;
    this.#looksAt = this.#clock() + ms;
    await promise;
    this.#looksAt = Number.POSITIVE_INFINITY;
    clearTimeout(timer);
  }
}

/** Claimed ahead, and no lane became free: it waits again. */
function laneless(at: number): AttemptOutcome {
  return { attempt: untried(at, 'no_lane'), verdict: { kind: 'hold', untilMs: at } };
}

/** Waits for `work`, but never longer than `ms`. */
async function within(ms: number, work: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([work, promise]);
  clearTimeout(timer);
}
