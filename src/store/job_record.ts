export type JobKind = 'webhook' | 'crm_write';

export type JobState = 'waiting' | 'done' | 'exhausted';

export interface AttemptRecord {
  at: number;
  durationMs: number;
  /** HTTP status, `null` where no answer came. */
  status: number | null;
  /** A stable code where it failed: `timeout`, `connection`, `status`, `redirect`, … */
  error: string | null;
  /** At most 4 KB. */
  response: string | null;
}
