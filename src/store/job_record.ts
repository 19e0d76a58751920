/**
 * - `webhook`    an event to an endpoint
 * - `crm_write`  a note or an activity to the CRM
 * - `end_hook`   a call's end to the backend that its start hook asked
 * - `dial`       an outbound call is handed to a call process when its time has come
 * - `recording`  the file of a recorded call is put where recordings are kept
 * - `completion` what is said of a call after it: extraction, outcome, `call.completed`
 * - `follow_up`  the calls that a completed one leads to
 */
export type JobKind = DeliveryKind | 'dial' | 'recording' | 'completion' | 'follow_up';

/** What goes to somebody else's system: shown as a delivery, and replayed. Dialling never is. */
export const DELIVERY_KINDS = ['webhook', 'crm_write', 'end_hook'] as const;
export type DeliveryKind = (typeof DELIVERY_KINDS)[number];

export type JobState = 'waiting' | 'done' | 'exhausted';

export interface AttemptRecord {
  at: number;
  durationMs: number;
  /** HTTP status, `null` where no answer came. */
  status: number | null;
  /** A stable code where it failed: `timeout`, `connection_refused`, `status`, `redirect`, … */
  error: string | null;
  /** At most 4 KB. */
  response: string | null;
}

/** What receivers answer to a signature that they do not accept. */
export const SIGNATURE_REFUSALS: readonly number[] = [400, 401, 403];
