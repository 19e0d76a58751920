import type { CallRecord, EventDraft, FactDraft, JobDraft, StoredEvent } from './store.ts';

/**
 * What the store needs to know of events, declared here by its user: the store numbers, keeps and
 * queues, the composer knows types, bodies and who hears of them (`src/events/composer.ts`). It is
 * called inside the append's transaction, so it is synchronous, pure and quick.
 */
export interface EventComposer {
  /** How a type is kept; `null` when it is unknown or never stored. */
  kindOf(type: string): EventKind | null;
  compose(input: ComposeInput): ComposedEvent;
  /** Who may hear of an event. */
  audienceOf(draft: EventDraft): Audience;
  /** The body in place of one whose call was redacted: its envelope, and nothing of persons. */
  redact(event: Omit<StoredEvent, 'position' | 'body'>): string;
  /**
   * What follows from all that a platform has told of a call so far: its row, and the events that are
   * due by now, in their order. Those that are stored already are left out by their ids.
   */
  follow(input: { call: CallRecord; facts: readonly FactDraft[] }): Followed;
  /** Jobs that the event brings with it, made in its transaction; their ids make them idempotent. */
  jobsFor(input: { draft: EventDraft; call: CallRecord; history: CallHistory }): JobDraft[];
}

export interface Followed {
  call: CallRecord;
  events: readonly EventDraft[];
  jobs: readonly JobDraft[];
}

export interface EventKind {
  /**
   * Which counter of the call numbers it. Transcripts have their own, so that a receiver that is
   * not told of them sees no gap; `none` is an event of no call.
   */
  counter: 'sequence' | 'transcript' | 'none';
  /** The body is derived from what the call left behind: `compose` is given its history. */
  readsHistory: boolean;
}

export type Audience =
  | {
      kind: 'subscribers';
      /** Whether `*` and the endpoint of the environment take it; a trigger that names it does. */
      star: boolean;
      /** The endpoint that it speaks of, which is never told. */
      except: string | null;
    }
  /** This one alone, whatever it subscribed to. */
  | { kind: 'endpoint'; id: string };

export interface ComposeInput {
  draft: EventDraft;
  /** The call's row with this event already derived into it; `null` for an event of no call. */
  call: CallRecord | null;
  sequence: number | null;
  transcriptSequence: number | null;
  /** Written by a spool's recovery behind `call.ended`. */
  late: boolean;
  history: CallHistory;
}

/** Everything stored of the call before this event, oldest first; empty unless `readsHistory`. */
export interface CallHistory {
  events: readonly StoredEvent[];
  facts: readonly FactDraft[];
}

export type ComposedEvent =
  /** `data` is the body's, complete also where the body had to cut it. */
  | { ok: true; body: string; data: Record<string, unknown> }
  /** No retry can help: the append is refused with this. */
  | { ok: false; code: string; message: string };
