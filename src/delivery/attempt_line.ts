import type { Logger } from 'pino';
import type { ClaimedJob, Settlement } from '../store/store.ts';
import type { AttemptOutcome } from './job_handler.ts';

/** The one line of an attempt, with all that is known of it but no bodies. */
export function logAttempt(
  log: Logger,
  job: ClaimedJob,
  { attempt, verdict }: AttemptOutcome,
  next: Settlement['next'],
  now: number,
): void {
  log[levelOf(attempt.error, verdict, next)](
    {
      job: job.id,
      kind: job.kind,
      target: job.target,
      call: job.callId,
      event: job.event?.id ?? null,
      event_type: job.event?.type ?? null,
      attempt: job.attempt,
      status: attempt.status,
      error: attempt.error,
      duration_ms: attempt.durationMs,
      age_ms: attempt.at - job.createdAt,
      verdict: verdict.kind,
      next: next.state,
      retry_in_ms: next.state === 'retry' ? next.at - now : null,
    },
    'delivery attempt',
  );
}

/** Holds come every few seconds and are said once elsewhere, but for a broken proxy. */
function levelOf(
  error: string | null,
  verdict: AttemptOutcome['verdict'],
  next: Settlement['next'],
): 'debug' | 'info' | 'warn' {
  if (verdict.kind === 'hold') {
    const needsMending = error?.startsWith('proxy_') || error === 'unreadable_secret';
    return needsMending ? 'warn' : 'debug';
  }
  return next.state === 'done' ? 'info' : 'warn';
}
