import type { Append, AttemptRecord, ClaimedJob, JobKind } from '../store/store.ts';
import type { RetryHint, RetrySchedule } from './retry_schedule.ts';

/** How one kind of job is done. The loop knows schedules, claims and settlements; this knows the wire. */
export interface JobHandler {
  readonly kind: JobKind;
  /** When its jobs are tried again. (Default: the loop's, that of deliveries) */
  readonly schedule?: RetrySchedule;
  /** Attempts to one target at the same time (Default: what the loop allows) */
  readonly lanes?: number;
  /** Tries once. Never rejects; bounded by its own deadline and by `signal` (shutdown). */
  attempt(job: ClaimedJob, signal: AbortSignal): Promise<AttemptOutcome>;
  /** What the ledger learns of the job's end; `null` when nothing. */
  result(job: ClaimedJob, outcome: AttemptOutcome, end: 'done' | 'exhausted'): Append | null;
}

export type AttemptOutcome = {
  attempt: AttemptRecord;
  verdict:
    | { kind: 'success'; detail?: Record<string, unknown> }
    /** Try again by the schedule; what its `RetryHint` can say changes the wait. */
    | ({ kind: 'retry' } & RetryHint)
    /** No attempt can succeed. */
    | { kind: 'final' }
    /** Not tried, does not count (no secret configured yet, shutting down): look again later. */
    | { kind: 'hold'; untilMs: number };
};
