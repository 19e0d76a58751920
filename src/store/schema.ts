import type { ColumnType, Generated } from 'kysely';
import type { EndpointRecord } from './endpoint_store.ts';
import type { RecordingRecord } from './recording_store.ts';
import type { CallState, FactDraft, JobKind, JobState } from './store.ts';
import type { SuppressionRecord } from './suppression_store.ts';

/**
 * The tables as Kysely sees them. Columns hold what both SQLite and Postgres have: text and
 * integers (milliseconds, counters), JSON as text. `migrations/` makes them, `schema.sql` shows
 * the result.
 */
export interface Tables {
  calls: CallTable;
  events: EventTable;
  facts: FactTable;
  jobs: JobTable;
  attempts: AttemptTable;
  contacts: ContactTable;
  contact_entries: ContactEntryTable;
  endpoints: EndpointTable;
  triggers: TriggerTable;
  api_keys: ApiKeyTable;
  idempotency_keys: IdempotencyKeyTable;
  suppressions: SuppressionTable;
  recordings: RecordingTable;
  reports: ReportTable;
}

/** Given by the database, in the order of insertion. */
type Position = ColumnType<number, never, never>;

export interface CallTable {
  id: string;
  direction: 'inbound' | 'outbound';
  state: CallState;
  from_number: string | null;
  to_number: string;
  agent_id: string;
  room: string;
  metadata: string;
  contact_id: string | null;
  contact_name: string | null;
  context: 'ready' | 'pending' | 'none';
  context_ms: number | null;
  sequence: number;
  transcript_sequence: number;
  lease: number;
  lease_until: number;
  created_at: number;
  answered_at: number | null;
  ended_at: number | null;
  end_reason: string | null;
  usage: string | null;
  redacted_at: Generated<number | null>;
  variables: string | null;
  /** Which key of the API asked for it; `env` for API_KEY, `null` for calls that came in. */
  api_key_id: string | null;
  scheduled_for: number | null;
  gate: string | null;
  consent_record_id: string | null;
  follows_call_id: string | null;
  /** 1 where a rule made the call. */
  made_by_rule: number | null;
  outcome: string | null;
  /** Millionths of a US dollar. */
  cost_microusd: number | null;
  answered_by: string | null;
  /** `callwire`, or the platform that ran the call and told us. */
  provider: Generated<string>;
  /** Its id there; `null` for our own. */
  provider_call_id: string | null;
}

export interface EventTable {
  position: Position;
  id: string;
  call_id: string | null;
  sequence: number | null;
  transcript_sequence: number | null;
  type: string;
  time: number;
  body: string;
}

export interface FactTable {
  position: Position;
  id: string;
  call_id: string;
  kind: FactDraft['kind'];
  time: number;
  data: string;
}

export interface JobTable {
  position: Position;
  id: string;
  kind: JobKind;
  target: string;
  state: JobState;
  call_id: string | null;
  event_id: string | null;
  body: string;
  attempts: Generated<number>;
  /** When it may be claimed: its next attempt, or the end of the claim that holds it. */
  next_at: number;
  claim_id: string | null;
  created_at: number;
  last_status: number | null;
  last_error: string | null;
  /** The delivery that was made of it by a replay. */
  replayed_by: string | null;
  /** The event's, where the endpoint was made by the API: see `ordered_deliveries.ts`. */
  sequence: number | null;
}

export interface AttemptTable {
  job_id: string;
  attempt: number;
  at: number;
  duration_ms: number;
  status: number | null;
  error: string | null;
  response: string | null;
}

export interface ContactTable {
  id: string;
  phone: string;
  name: string | null;
  email: string | null;
  account_status: string | null;
  last_interaction: string | null;
  preferred_language: string | null;
  fields: string;
  created_at: number;
  call_count: Generated<number>;
  last_call_at: number | null;
  /** Seconds. */
  last_call_duration: number | null;
  last_outcome: string | null;
}

export interface ContactEntryTable {
  position: Position;
  id: string;
  contact_id: string;
  phone: string | null;
  kind: 'note' | 'activity';
  time: number;
  data: string;
}

export interface EndpointTable {
  id: string;
  name: string;
  url: string;
  ordered: 0 | 1;
  signatures: string;
  status: EndpointRecord['status'];
  disabled_reason: EndpointRecord['disabledReason'];
  secret: string;
  previous_secret: string | null;
  previous_until: number | null;
  failing_since: number | null;
  last_success_at: number | null;
  created_at: number;
}

export interface TriggerTable {
  id: string;
  name: string;
  event_type: string;
  endpoint_id: string;
  conditions: string | null;
  created_at: number;
}

export interface ApiKeyTable {
  id: string;
  name: string;
  hash: string;
  scopes: string;
  created_at: number;
  revoked_at: number | null;
}

export interface IdempotencyKeyTable {
  key_id: string;
  key: string;
  body_hash: string;
  call_id: string;
  created_at: number;
}

export interface SuppressionTable {
  phone: string;
  id: string;
  source: SuppressionRecord['source'];
  reason: string | null;
  call_id: string | null;
  created_at: number;
}

export interface RecordingTable {
  call_id: string;
  state: RecordingRecord['state'];
  location: string;
  content_type: string;
  bytes: number;
  duration_ms: number;
  started_at: number;
  delete_after: number | null;
  created_at: number;
}

export interface ReportTable {
  position: Position;
  call_id: string;
  provider: string;
  provider_call_id: string;
  append: string;
}
