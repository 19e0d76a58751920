import type { Logger } from 'pino';
import type { Contact } from '../crm/crm.ts';
import { draftEvent, type EndReason } from '../events/catalogue.ts';
import type { RecordingFact } from '../events/recording_job.ts';
import type { AnsweredBy } from '../events/vocabulary.ts';
import { newId } from '../ids.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Append, CallOpening, EventDraft, FactDraft, JobDraft } from '../store/store.ts';

export type ContextState = 'ready' | 'pending' | 'none';

/**
 * Writes one call into the ledger. The order of the calls here is the order of the events. A
 * method that returns a promise can be awaited for durability (its outcome is `ledger` or `spool`);
 * whoever does not await it loses nothing: a failed append is logged and, fenced, ends the process.
 */
export class CallJournal {
  readonly callId: string;
  readonly #ledger: Ledger;
  readonly #log: Logger;

  constructor(callId: string, ledger: Ledger, log: Logger) {
    this.callId = callId;
    this.#ledger = ledger;
    this.#log = log;
  }

  started(opening: CallOpening): Promise<void> {
    return this.#append({
      open: opening,
      events: [draftEvent('call.started', {}, { time: opening.time })],
    });
  }

  /** What is known of the caller, each time that changes. */
  context(state: ContextState, ms: number, contact: Contact | null): Promise<void> {
    const id = newId('fct');
    const data = { state, ms, contact };
    return this.#append({ facts: [{ id, kind: 'context', time: Date.now(), data }] });
  }

  /** The far phone rings; outbound calls only. */
  ringing(): Promise<void> {
    return this.#append({ events: [draftEvent('call.ringing', {})] });
  }

  answered(ringMs: number, context: ContextState): Promise<void> {
    return this.#append({ events: [draftEvent('call.answered', { ring_ms: ringMs, context })] });
  }

  /** Who has picked up, and what told it. */
  answeredBy(answeredBy: AnsweredBy, by: string): Promise<void> {
    const data = { answeredBy, by };
    return this.#append({
      facts: [{ id: newId('fct'), kind: 'answered_by', time: Date.now(), data }],
    });
  }

  transcript(role: 'agent' | 'caller', text: string, itemId: string): Promise<void> {
    return this.#append({
      events: [draftEvent('transcript.final', { role, text, item_id: itemId })],
    });
  }

  /** A tool's call and its result with whatever it made happen, in one append. */
  tool(entry: {
    toolCallId: string;
    name: string;
    arguments: Record<string, unknown>;
    result: Record<string, unknown>;
    events?: EventDraft[];
    jobs?: JobDraft[];
  }): Promise<void> {
    const id = `${this.callId}:${entry.toolCallId}`;
    const time = Date.now();
    const facts: FactDraft[] = [
      { id, kind: 'tool_call', time, data: { name: entry.name, arguments: entry.arguments } },
      { id: `${id}:result`, kind: 'tool_result', time, data: { result: entry.result } },
    ];
    return this.#append({ facts, events: entry.events ?? [], jobs: entry.jobs ?? [] });
  }

  /** Something that came of a tool after it had answered. */
  record(...events: EventDraft[]): Promise<void> {
    return this.#append({ events });
  }

  /** Something the caller could notice broke. */
  error(code: string, message: string): Promise<void> {
    return this.#append({ events: [draftEvent('call.error', { code, message })] });
  }

  /** What is named is there, and sound comes next. */
  recording(fact: Omit<RecordingFact, 'startedAt'>): Promise<void> {
    const time = Date.now();
    const data = { startedAt: time, ...fact } satisfies RecordingFact;
    return this.#append({ facts: [{ id: newId('fct'), kind: 'recording', time, data }] });
  }

  /** A start hook is asked (`end`: its backend wants to hear of the end), or has answered. */
  hook(data: { end: boolean } | { metadata: Record<string, unknown> }): Promise<void> {
    return this.#append({ facts: [{ id: newId('fct'), kind: 'hook', time: Date.now(), data }] });
  }

  usage(totals: Record<string, unknown>): Promise<void> {
    const id = newId('fct');
    return this.#append({ facts: [{ id, kind: 'usage', time: Date.now(), data: totals }] });
  }

  /** The end. `failed` first where the phone was never answered. */
  ended(
    reason: EndReason,
    failed: { sipStatus: number | null } | null,
    usage: Record<string, unknown> | null,
  ): Promise<void> {
    const events: EventDraft[] = [];
    if (failed) events.push(draftEvent('call.failed', { sip_status: failed.sipStatus, reason }));
    events.push(draftEvent('call.ended', { end_reason: reason }));
    const facts: FactDraft[] = usage
      ? [{ id: newId('fct'), kind: 'usage', time: Date.now(), data: usage }]
      : [];
    return this.#append({ events, facts });
  }

  /** See `Ledger.hold`. */
  hold(): () => void {
    return this.#ledger.hold();
  }

  async #append(entry: Omit<Append, 'callId'>): Promise<void> {
    try {
      await this.#ledger.append({ callId: this.callId, ...entry });
    } catch (error) {
      // Fenced: whoever took the call over writes from here on. The rest would be a full disk.
      if (!this.#ledger.fenced.aborted) this.#log.error({ err: error }, 'append failed');
      throw new JournalError(error);
    }
  }
}

/** An append failed: not even the spool took it, or the call belongs to somebody else. */
export class JournalError extends Error {
  constructor(cause: unknown) {
    super('the ledger did not take an append', { cause });
    this.name = 'JournalError';
  }
}
