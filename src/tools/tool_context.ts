import type { Logger } from 'pino';
import type { CrmNote } from '../crm/crm.ts';
import type { EventDraft, JobDraft } from '../store/store.ts';
import type { ReferOutcome } from '../telephony/refer.ts';

/**
 * What the tools need of a call, declared here by the user of it; `src/call` provides it, tests use
 * plain objects.
 */
export interface ToolContext {
  readonly callId: string;
  /** E.164 of the other party, `null` when unknown. */
  readonly phone: string | null;
  readonly log: Logger;
  /** Aborted when the call begins to end. */
  readonly signal: AbortSignal;
  readonly lookup: 'caller' | 'any';
  readonly speakFields: readonly string[];
  readonly transfers: Readonly<Record<string, { to: string; say?: string | undefined }>>;
  /** The record of the caller as it is known right now. */
  knownContact(): KnownContact;
  /** Asks the CRM about a number. Rejects when it cannot tell. */
  findByPhone(phone: string, signal: AbortSignal): Promise<Record<string, unknown> | null>;
  /** Writes the tool's call and result with what it made happen; resolves when durable. */
  record(entry: {
    toolCallId: string;
    name: string;
    arguments: Record<string, unknown>;
    result: Record<string, unknown>;
    events?: EventDraft[];
    jobs?: JobDraft[];
  }): Promise<void>;
  recordEvent(event: EventDraft): Promise<void>;
  /** The job that writes a note into the CRM. */
  noteJob(note: Pick<CrmNote, 'text'> & { toolCallId: string }): JobDraft;
  /** Gives the model something to tell the caller, at the next lull. */
  announce(instructions: string): void;
  refer(to: string): Promise<ReferOutcome>;
  /** Ends the call; the first cause wins. */
  end(reason: 'agent_hung_up' | 'transferred' | 'transfer_unconfirmed'): void;
  /** `goes_on` when the caller spoke into it. */
  sayGoodbye(): Promise<'said' | 'goes_on'>;
}

export type KnownContact =
  | { state: 'ready'; contact: Record<string, unknown> | null }
  /** Settles with the record, or with `null` for nobody; rejects when the CRM failed. */
  | { state: 'pending'; contact: Promise<Record<string, unknown> | null> }
  | { state: 'none' };
