import type { EventId } from '../ids.ts';
import type { AnalyticsStore } from './analytics_store.ts';
import type { CallOpening, CallRecord } from './call_record.ts';
import type { ContactStore } from './contact_store.ts';
import type { DecisionOnCall } from './counted_rules.ts';
import type { DeliveryStore } from './delivery_store.ts';
import type { ApiKeyStore, EndpointStore, RetentionStore } from './endpoint_store.ts';
import type { AttemptRecord, JobKind } from './job_record.ts';
import type { CallAcceptance, DialGuard, OutboundStore } from './outbound_store.ts';
import type { RecordingRecord, RecordingStore } from './recording_store.ts';
import type { SuppressionRecord, SuppressionStore } from './suppression_store.ts';

export type { CallOpening, CallRecord, CallState, OutboundDetails } from './call_record.ts';
export type { ContactEntry, ContactInput, ContactStore, StoredContact } from './contact_store.ts';
export type { DeliveryRecord, DeliveryStore } from './delivery_store.ts';
export type { AttemptRecord, JobKind, JobState } from './job_record.ts';

/**
 * The durable record, as whole operations: each is one transaction, and neither a query builder
 * nor a transaction ever leaves the implementation. SQLite is the first implementation
 * (`sqlite_store.ts`, alone in its worker thread); the interface is written so that Postgres can
 * stand beside it.
 *
 * Times are milliseconds since the epoch. Lease and claim deadlines are judged by the clock of the
 * store, never by the caller's.
 */
export interface Store
  extends LedgerStore,
    CallStore,
    JobStore,
    DeliveryStore,
    ContactStore,
    EndpointStore,
    ApiKeyStore,
    RetentionStore,
    OutboundStore,
    SuppressionStore,
    RecordingStore,
    AnalyticsStore {
  /**
   * Calls `listener` after a commit that left jobs to be done: new ones, or those that had to wait for
   * others. `dueAt`: when the first of them is, milliseconds. Returns the unsubscribe.
   */
  onJobs(listener: JobListener): () => void;
  close(): Promise<void>;
}

export type JobListener = (dueAt: number) => void;

// ---------------------------------------------------------------------------------------------
// Ledger

export interface LedgerStore {
  /**
   * Appends the batch in one transaction, each entry all or nothing. Sequence numbers, the stored
   * bytes and the deliveries are made here and nowhere else.
   *
   * What is reported of another platform's call is only taken: durable, and soon followed. Whoever reads
   * that call by its id sees it followed; in lists it may come a moment later under load.
   */
  append(batch: readonly Append[]): Promise<AppendResult[]>;
  /**
   * Pushes the leases that these holders still own to now + `leaseMs`, and pulls those of others that
   * last longer there: a clock that was set back must not keep a dead call. Returns the lost ones.
   */
  renewLeases(held: readonly HeldLease[], leaseMs: number): Promise<HeldLease[]>;
  /** Lets the leases run out at once: their process is known to be dead. */
  expireLeases(held: readonly HeldLease[]): Promise<void>;
  /** The leases of all calls that have not ended, alive or run out. */
  heldLeases(): Promise<HeldLease[]>;
  /** Calls that have not ended and whose lease has run out. */
  abandonedCalls(limit: number): Promise<CallRecord[]>;
  /**
   * Calls that other platforms run and have said nothing more of: their `leaseUntil` has come, which each
   * report moves.
   */
  silentCalls(limit: number): Promise<string[]>;
  /**
   * Takes an abandoned call over: the next lease number, held for `leaseMs`. `null` when somebody
   * else was first, or the lease is alive, or the call has ended.
   */
  takeOver(callId: string, leaseMs: number): Promise<{ call: CallRecord; lease: number } | null>;
}

export interface HeldLease {
  callId: string;
  lease: number;
}

/** One append: everything in it is written in one transaction or not at all. */
export interface Append {
  /** `null` only for events that belong to no call (`delivery.exhausted`). */
  callId: string | null;
  /** The writer's lease number; an older one than the call's is answered `fenced`. */
  lease?: number;
  /**
   * Present in the first append of a call: makes the row (idempotently), lease number 1. With
   * `reportedBy` the append has facts alone, and where that platform's call is known already it goes to
   * it instead, under the id that it has here: the result says which.
   */
  open?: CallOpening;
  events?: readonly EventDraft[];
  facts?: readonly FactDraft[];
  jobs?: readonly JobDraft[];
  /** With `open` of an outbound call: judged first, and where it fails nothing is written. */
  accept?: CallAcceptance;
  /** With `call.started` of an outbound call: judged first, and where it fails nothing is written. */
  dial?: DialGuard;
  /** What the call has taught of a number, and where its recording lies. */
  suppressions?: readonly SuppressionRecord[];
  recording?: RecordingRecord;
  /**
   * Set by the recovery of spools only: skips fencing; events that arrive behind `call.ended` get
   * `late: true`, and a second `call.ended` is dropped.
   */
  recovered?: boolean;
}

export type AppendResult =
  /**
   * `callId`: of an append with `open.reportedBy`, the call that it went to. `call`: of one with
   * `accept`, the call that was accepted, then or before.
   */
  | { status: 'appended'; callId?: string; call?: CallRecord }
  /** Somebody took the call over: the writer stops. */
  | { status: 'fenced' }
  /**
   * The append can never succeed (unknown call, invalid data, over 64 KB); it is not retried. `decision`: of one
   * with `accept` that the dial gate does not allow.
   */
  | { status: 'refused'; code: string; message: string; decision?: DecisionOnCall };

/** An event as its writer gives it; `id` makes the append idempotent. */
export interface EventDraft {
  id: EventId;
  type: string;
  time: number;
  /** Only what the catalogue lists as "data besides"; the common fields come from the call's row. */
  data: Record<string, unknown>;
}

/**
 * A fact without a sequence, never delivered. The row of the call is derived from these and from
 * the events in the same transaction:
 * - `context`  `{ state: ready|pending|none, ms, contact: Contact|null }` what is known of the caller
 * - `tool_call` / `tool_result` `{ name, arguments }` / `{ result }`, id `{call_id}:{tool_call_id}`
 *   (`:result` behind it for the result)
 * - `usage` `{ model, inputTokens, … }` the totals of the session so far (the last one counts)
 * - `answered_by` `{ answeredBy, by }` who picked up an outbound call, and what told it (the last counts)
 * - `recording` `{ startedAt, retainDays, egressId }` the call is being recorded from then on
 * - `hook` `{ end }` a start hook is asked, and there is an end hook; `{ metadata }` what it answered
 * - `report` what the platform that runs the call has told of it, in our words: all of them together
 *   are the call (`src/events/reported_call.ts`)
 * - `note` anything a person debugging the call wants to find (`{ message, … }`)
 */
export interface FactDraft {
  id: string;
  kind: (typeof FACT_KINDS)[number];
  time: number;
  data: Record<string, unknown>;
}

export const FACT_KINDS = [
  'context',
  'tool_call',
  'tool_result',
  'usage',
  'answered_by',
  'recording',
  'hook',
  'report',
  'end_requested',
  'note',
] as const;

/** Work that must be done after the append, at least once, until done or given up. */
export interface JobDraft {
  /** Makes the job idempotent, as with events. */
  id: string;
  kind: JobKind;
  /** What fails together: `crm:http`, an endpoint id, … One health per target. */
  target: string;
  /** Frozen; a webhook job has none, its bytes are the event's. */
  body: Record<string, unknown>;
  /** Not before then, milliseconds. (Default: at once) */
  dueAt?: number;
}

// ---------------------------------------------------------------------------------------------
// Calls and events

export interface CallStore {
  getCall(callId: string): Promise<CallRecord | null>;
  /** Newest first; only what an index finds is asked for, for a scan would stop the store's thread. */
  listCalls(query: {
    limit: number;
    /** The id of the last call of the page before. */
    before?: string;
    /** Only outbound calls to this number, E.164. */
    dialledTo?: string;
    /** Only those that were made at or after this, milliseconds. */
    since?: number;
  }): Promise<CallRecord[]>;
  /**
   * The calls in rooms of this name since `since` (milliseconds, by the clock of those who opened
   * them), newest first.
   */
  callsOfRoom(room: string, since: number): Promise<CallRecord[]>;
  /** How many calls of this number have not ended. `null` counts nothing. */
  countLiveCalls(from: string | null): Promise<number>;
  /**
   * Whether a call with this number, E.164, was answered at or after `since` (milliseconds), in
   * whichever direction, and not by a machine.
   */
  spokenWithSince(query: { phone: string; since: number }): Promise<boolean>;
  /** The events of a call in the order of their sequence; transcripts carry their own. */
  listCallEvents(callId: string): Promise<StoredEvent[]>;
  /** Events behind a position, oldest first; a poller that goes on from the last one misses none. */
  eventsAfter(position: number, limit: number): Promise<StoredEvent[]>;
  /** Of the newest event; 0 with none. */
  lastPosition(): Promise<number>;
  listFacts(callId: string): Promise<FactDraft[]>;
}

export interface StoredEvent {
  position: number;
  id: EventId;
  callId: string | null;
  /** `null` for transcripts and for events of no call. */
  sequence: number | null;
  type: string;
  time: number;
  /** The exact bytes that are signed and sent. */
  body: string;
}

// ---------------------------------------------------------------------------------------------
// Jobs: one queue for webhooks and CRM writes

export interface JobStore {
  /**
   * Claims due jobs for `leaseMs`: each target its even share of `limit`, oldest due first, at most
   * `perTarget` of one target (those already claimed count). What waits for a paused or disabled
   * endpoint is not claimed; of an ordered one, only the first unsettled event of each call is. A
   * claim that runs out can be claimed again.
   */
  claimJobs(query: ClaimQuery): Promise<ClaimedJob[]>;
  /**
   * Records the attempts' results, each only while its claim still holds. An append inside a
   * settlement is written in the same transaction; one that is refused rejects the whole batch with
   * `STORE_APPEND_REFUSED`, not retryable. The health of an endpoint that the API made is kept here
   * too (`endpoint_health.ts`), and `endpoint.disabled` appended where it is at its end.
   */
  settleJobs(settlements: readonly Settlement[]): Promise<void>;
  /** SQLite at start: nobody else can hold a claim, so those of a dead process are void. */
  releaseClaims(): Promise<void>;
  /** When the next job that waits for its time is due; `null` with none. */
  nextDueAt(): Promise<number | null>;
  /**
   * Makes jobs due that wait for longer than any schedule lets them: they were put off before the
   * clock was set back. Returns how many, some thousands at the most; until it is 0, more may be left.
   */
  recallJobs(query: { longestWaitMs: number }): Promise<number>;
}

export interface ClaimQuery {
  limit: number;
  perTarget: number;
  leaseMs: number;
  /**
   * For endpoints made by the API whose last attempt failed: how many jobs of one, and of all of
   * them together, may be under way (Default: as for the others)
   */
  failing?: { perTarget: number; total: number };
}

export interface ClaimedJob {
  id: string;
  claimId: string;
  kind: JobKind;
  target: string;
  /** Which attempt this is, from 1. */
  attempt: number;
  /**
   * Earlier attempts of this delivery that were answered 400, 401 or 403, as receivers answer a
   * signature they do not accept; 0 where the API did not make the endpoint.
   */
  refusals: number;
  callId: string | null;
  createdAt: number;
  /** Only of kind `webhook`. */
  event: { id: EventId; type: string; body: string } | null;
  body: Record<string, unknown>;
}

export interface Settlement {
  jobId: string;
  claimId: string;
  attempt: AttemptRecord;
  next:
    | { state: 'done' }
    | { state: 'retry'; at: number }
    /** Given up; can be replayed. */
    | { state: 'exhausted' };
  append?: Append;
  /**
   * `false`: nothing was tried (no secret yet, shutting down). The attempt is neither recorded nor
   * counted, `next.at` is when to look again.
   */
  counts?: false;
}
