import { CompiledQuery, type Insertable, type Selectable, type Transaction } from 'kysely';
import { newId } from '../ids.ts';
import { refusalOf, refused } from './append_refusal.ts';
import {
  deriveFromComposed,
  deriveFromEvent,
  deriveFromFact,
  openedCall,
} from './call_derivation.ts';
import { callFromRow, callToRow } from './call_row.ts';
import { type CallColumns, callColumns, changedColumns, updateCall } from './call_update.ts';
import type { CallsByKey } from './calls_by_key.ts';
import { countCall } from './contact_calls.ts';
import type { DefaultEndpoint } from './default_endpoint.ts';
import type { CallHistory, EventComposer } from './event_composer.ts';
import { callHistory } from './event_log.ts';
import { FanOut, type Subscriptions } from './fan_out.ts';
import { inJsonList } from './json_list.ts';
import { insertJob, type NewJob } from './new_jobs.ts';
import { judgeAcceptance, refusalOfDialling, rememberIdempotency } from './outbound_calls.ts';
import type { CallAcceptance } from './outbound_store.ts';
import { execute, prepared } from './prepared.ts';
import { insertRecording } from './recordings.ts';
import { reportFacts, storedEventIds } from './reported_calls.ts';
import type { CallTable, EventTable, FactTable, Tables } from './schema.ts';
import type { Append, AppendResult, CallRecord, EventDraft, FactDraft, JobDraft } from './store.ts';
import { importSuppressions } from './suppressions.ts';

export interface AppendOptions {
  composer: EventComposer;
  /** The endpoint of the environment, `null` while none is configured. */
  defaultEndpoint: DefaultEndpoint | null;
  subscriptions: Subscriptions;
  callsByKey: CallsByKey;
  clock: () => number;
  /** Life of the lease that opens a call. */
  openLeaseMs: number;
  /** Whether the contacts of this database are the CRM's, and learn of each completed call. */
  ownContacts: boolean;
}

/**
 * Writes a batch inside `trx`. Entries stand on their own: each has a savepoint, and a refused one
 * leaves no trace. Whatever breaks the database itself (full disk) rejects, and the batch with it.
 *
 * What many entries need is read once: the calls' rows, and which ids are already there. A row is
 * written back once, at the end. (Postgres has to lock the rows as they are read, in the order of
 * their ids, or two batches could wait for each other; SQLite has one writer.)
 */
export async function appendBatch(
  trx: Transaction<Tables>,
  batch: readonly Append[],
  options: AppendOptions & {
    /** Asked behind each entry; the rest is left then. (Default: never) */
    isEnough?: () => Promise<boolean>;
  },
): Promise<{ results: AppendResult[]; firstDueAt: number | null }> {
  const writer = new BatchWriter(trx, options);
  await writer.read(batch);
  const results: AppendResult[] = [];
  for (const entry of batch) {
    results.push(await writer.append(entry));
    if (await options.isEnough?.()) break;
  }
  await writer.writeCalls();
  return { results, firstDueAt: writer.firstDueAt };
}

class BatchWriter {
  /** Of the jobs that were made, the first; `null` with none. */
  firstDueAt: number | null = null;
  readonly #trx: Transaction<Tables>;
  readonly #options: AppendOptions;
  readonly #now: number;
  /** As they will be written back; those that an entry changed are in `#changed`. */
  readonly #calls = new Map<string, CallRecord>();
  readonly #changed = new Set<string>();
  /** As their rows are; see `call_update.ts`. */
  readonly #stored = new Map<string, CallColumns>();
  /** Rows were written before the end, and may have been rolled back since: all of each is written again. */
  #writtenEarly = false;
  readonly #eventIds = new Set<string>();
  /** Calls whose persons were deleted: what still comes of them is stored without. */
  readonly #redacted = new Set<string>();
  readonly #fanOut: FanOut;
  /** Of the entry that is being written, if it opens a call whose row is not there yet. */
  #unwritten: { callId: string; accept: CallAcceptance | undefined } | null = null;
  /** Added to `#eventIds` by the entry that is being written. */
  #entryEventIds: string[] = [];
  /** It has changed how many calls its key has. */
  #entryCounts = false;

  constructor(trx: Transaction<Tables>, options: AppendOptions) {
    this.#trx = trx;
    this.#options = options;
    this.#now = options.clock();
    this.#fanOut = new FanOut(trx, options);
  }

  async read(batch: readonly Append[]): Promise<void> {
    const callIds = [...new Set(batch.flatMap((entry) => entry.callId ?? []))].sort();
    if (callIds.length > 0) {
      const [id] = callIds;
      const { rows } = await (callIds.length === 1 && id !== undefined
        ? knownCall(this.#trx, { id })
        : knownCalls(this.#trx, { ids: JSON.stringify(callIds) }));
      for (const row of rows) this.#know(row);
    }
    // A call that is not known has no events yet.
    const known = batch.filter(({ callId }) => callId === null || this.#calls.has(callId));
    const eventIds = known.flatMap((entry) => entry.events?.map((event) => event.id) ?? []);
    for (const id of await storedEventIds(this.#trx, eventIds)) this.#eventIds.add(id);
  }

  async append(entry: Append): Promise<AppendResult> {
    const before = entry.callId === null ? undefined : this.#calls.get(entry.callId);
    if (isFenced(entry, before)) return { status: 'fenced' };
    this.#entryEventIds = [];
    this.#entryCounts = false;
    this.#unwritten = null;
    await execute(this.#trx, SAVEPOINT);
    const result = await this.#write(entry, before).catch(refusalOf);
    if (result.status !== 'appended') {
      await execute(this.#trx, ROLLBACK_TO);
      this.#forget(entry, before);
    }
    await execute(this.#trx, RELEASE);
    if (result.status !== 'appended' || entry.callId === null || !entry.accept) return result;
    return { ...result, call: this.#call(entry.callId) };
  }

  async writeCalls(): Promise<void> {
    for (const id of this.#changed) {
      const call = this.#calls.get(id);
      if (call === undefined) continue;
      const stored = this.#writtenEarly ? {} : this.#stored.get(id);
      await updateCall(this.#trx, id, changedColumns(stored ?? {}, callColumns(call)));
    }
  }

  #know(row: Selectable<CallTable>): void {
    const call = callFromRow(row);
    this.#calls.set(call.id, call);
    this.#stored.set(call.id, callColumns(call));
    if (row.redacted_at !== null) this.#redacted.add(call.id);
  }

  async #write(entry: Append, before: CallRecord | undefined): Promise<AppendResult> {
    // Accepted already: whoever asks again under the same id has the call of the first time.
    if (entry.accept !== undefined && before !== undefined) return APPENDED;
    if (entry.callId !== null && before === undefined) {
      if (entry.open === undefined) return refused('CALL_UNKNOWN', 'The call was never opened.');
      if (entry.open.id !== entry.callId) {
        return refused('APPEND_INVALID', 'The opening is of another call.');
      }
      const refusal = await this.#open(entry.open, entry.accept);
      if (refusal !== null) return refusal;
    }
    const redacted = entry.callId !== null && this.#redacted.has(entry.callId);
    let reported = false;
    for (const fact of redacted ? [] : (entry.facts ?? [])) {
      if (entry.callId === null) return refused('APPEND_INVALID', 'A fact belongs to a call.');
      const isNew = await this.#appendFact(entry.callId, fact);
      reported ||= isNew && fact.kind === 'report';
    }
    if (reported) {
      const result = await this.#follow(entry);
      if (result.status !== 'appended') return result;
    }
    for (const draft of entry.events ?? []) {
      const result = await this.#appendEvent(entry, { ...draft, time: Math.round(draft.time) });
      if (result.status !== 'appended') return result;
    }
    for (const job of redacted ? [] : (entry.jobs ?? [])) {
      if (job.kind === 'webhook') {
        return refused('APPEND_INVALID', 'Deliveries are made by the append itself.');
      }
      await this.#addJob(job, entry.callId);
    }
    await this.#writeOpened();
    if (entry.suppressions) await importSuppressions(this.#trx, entry.suppressions);
    if (entry.recording) {
      // The call was redacted while its recording was being stored: the bytes are there, and go.
      const { recording } = entry;
      const soon = { ...recording, deleteAfter: this.#now };
      await insertRecording(this.#trx, redacted ? soon : recording);
    }
    return APPENDED;
  }

  async #open(
    opening: NonNullable<Append['open']>,
    accept: CallAcceptance | undefined,
  ): Promise<AppendResult | null> {
    const judged = accept
      ? await judgeAcceptance(this.#trx, opening, accept, this.#options.callsByKey)
      : opening;
    if ('status' in judged) return judged;
    const call = openedCall(judged, {
      leaseUntil: this.#now + this.#options.openLeaseMs,
      apiKeyId: accept?.apiKeyId ?? null,
    });
    this.#calls.set(call.id, call);
    this.#unwritten = { callId: call.id, accept };
    return null;
  }

  /**
   * The row of the call that the entry opens, in front of the first that refers to it: mostly it is by then
   * what the entry makes of it, and so is written once.
   */
  async #writeOpened(): Promise<void> {
    if (this.#unwritten === null) return;
    const { callId, accept } = this.#unwritten;
    this.#unwritten = null;
    const call = this.#call(callId);
    await insertCall(this.#trx, callToRow(call));
    this.#stored.set(callId, callColumns(call));
    if (accept === undefined) return;
    await rememberIdempotency(this.#trx, callId, accept, this.#now);
    this.#options.callsByKey.add(accept.apiKeyId, call.createdAt);
    this.#entryCounts = true;
  }

  /**
   * What a platform has told is followed here, where nobody else can tell more at the same time: so it
   * comes to the same in whichever order it is told.
   */
  async #follow(entry: Append): Promise<AppendResult> {
    const { id } = this.#callOf(entry) as CallRecord;
    const { composer } = this.#options;
    const facts = await reportFacts(this.#trx, id);
    const { call, events, jobs } = composer.follow({ call: this.#call(id), facts });
    this.#update(call);
    const ids = call.sequence === 0 ? [] : events.map((event) => event.id);
    const stored = await storedEventIds(this.#trx, ids);
    for (const draft of events) {
      if (stored.has(draft.id)) continue;
      const result = await this.#appendEvent(entry, { ...draft, time: Math.round(draft.time) });
      if (result.status !== 'appended') return result;
    }
    for (const job of jobs) await this.#addJob(job, id);
    return APPENDED;
  }

  /** Whether it is new. */
  async #appendFact(callId: string, fact: FactDraft): Promise<boolean> {
    await this.#writeOpened();
    const { numAffectedRows } = await insertFact(this.#trx, {
      id: fact.id,
      call_id: callId,
      kind: fact.kind,
      time: Math.round(fact.time),
      data: JSON.stringify(fact.data),
    });
    // A repeat is not derived again: it may be older than what the row holds by now.
    if (numAffectedRows === 0n) return false;
    this.#update(deriveFromFact(this.#call(callId), fact));
    return true;
  }

  async #appendEvent(entry: Append, draft: EventDraft): Promise<AppendResult> {
    if (this.#eventIds.has(draft.id)) return APPENDED;
    const { composer } = this.#options;
    const kind = composer.kindOf(draft.type);
    if (kind === null) {
      return refused('EVENT_UNKNOWN_TYPE', `Nothing is stored under the type ${draft.type}.`);
    }
    const before = kind.counter === 'none' ? null : this.#callOf(entry);
    if (before === undefined) {
      return refused('APPEND_INVALID', `${draft.type} belongs to a call.`);
    }
    const ended = before?.state === 'ended';
    if (ended && draft.type === 'call.ended') {
      return entry.recovered === true
        ? APPENDED
        : refused('CALL_ALREADY_ENDED', 'The call has its call.ended.');
    }
    if (draft.type === 'call.started' && before?.direction === 'outbound') {
      // What a call has cost that ended in this batch is still to be written.
      await this.writeCalls();
      this.#writtenEarly = true;
      const refusal = await refusalOfDialling(this.#trx, before.to, entry.dial);
      if (refusal !== null) return refusal;
    }

    const call = before === null ? null : count(deriveFromEvent(before, draft), kind.counter);
    const sequence = call !== null && kind.counter === 'sequence' ? call.sequence : null;
    const transcriptSequence =
      call !== null && kind.counter === 'transcript' ? call.transcriptSequence : null;
    const history =
      call !== null && kind.readsHistory ? await callHistory(this.#trx, call.id) : NO_HISTORY;
    const composed = composer.compose({
      draft,
      call,
      sequence,
      transcriptSequence,
      late: ended && entry.recovered === true,
      history,
    });
    if (!composed.ok) return refused(composed.code, composed.message);

    const callId = call?.id ?? null;
    const redacted = callId !== null && this.#redacted.has(callId);
    if (call !== null) this.#update(deriveFromComposed(call, draft.type, composed.data));
    await this.#writeOpened();
    const stored = { id: draft.id, callId, sequence, type: draft.type, time: draft.time };
    await insertEvent(this.#trx, {
      id: draft.id,
      call_id: callId,
      sequence,
      transcript_sequence: transcriptSequence,
      type: draft.type,
      time: draft.time,
      body: redacted ? composer.redact(stored) : composed.body,
    });
    this.#eventIds.add(draft.id);
    this.#entryEventIds.push(draft.id);
    if (redacted) return APPENDED;
    if (call !== null && draft.type === 'call.completed' && before?.outcome === null) {
      if (this.#options.ownContacts) await countCall(this.#trx, call, this.#now);
    }
    for (const recipient of await this.#fanOut.recipientsOf(draft, composed.data)) {
      await this.#insertJob({
        id: newId('dlv', this.#now),
        kind: 'webhook',
        target: recipient.target,
        call_id: callId,
        event_id: draft.id,
        body: '{}',
        sequence: recipient.made ? sequence : null,
        ordered: recipient.ordered,
      });
    }
    if (call !== null) {
      for (const job of composer.jobsFor({ draft, call, history }))
        await this.#addJob(job, call.id);
    }
    return APPENDED;
  }

  #addJob(job: JobDraft, callId: string | null): Promise<void> {
    return this.#insertJob({
      id: job.id,
      kind: job.kind,
      target: job.target,
      call_id: callId,
      event_id: null,
      body: JSON.stringify(job.body),
      sequence: null,
      ordered: false,
      ...(job.dueAt !== undefined && { dueAt: job.dueAt }),
    });
  }

  async #insertJob(job: NewJob): Promise<void> {
    await this.#writeOpened();
    const dueAt = await insertJob(this.#trx, job, this.#now);
    this.firstDueAt = Math.min(dueAt, this.firstDueAt ?? dueAt);
  }

  #callOf(entry: Append): CallRecord | undefined {
    return entry.callId === null ? undefined : this.#call(entry.callId);
  }

  #call(id: string): CallRecord {
    const call = this.#calls.get(id);
    if (call === undefined) throw new Error('a call is opened before anything is appended to it');
    return call;
  }

  #update(call: CallRecord): void {
    const { apiKeyId, createdAt, endReason } = call;
    if (
      endReason === 'blocked' &&
      this.#call(call.id).endReason !== 'blocked' &&
      apiKeyId !== null
    ) {
      this.#options.callsByKey.remove(apiKeyId, createdAt);
      this.#entryCounts = true;
    }
    this.#calls.set(call.id, call);
    this.#changed.add(call.id);
  }

  #forget(entry: Append, before: CallRecord | undefined): void {
    for (const id of this.#entryEventIds) this.#eventIds.delete(id);
    if (this.#entryCounts) this.#options.callsByKey.forget();
    if (entry.callId === null) return;
    if (before === undefined) this.#calls.delete(entry.callId);
    else this.#calls.set(entry.callId, before);
  }
}

const SAVEPOINT = CompiledQuery.raw('savepoint entry');
const ROLLBACK_TO = CompiledQuery.raw('rollback to entry');
const RELEASE = CompiledQuery.raw('release entry');

const knownCalls = prepared((db, { ids }: { ids: string }) =>
  db.selectFrom('calls').selectAll().where('id', 'in', inJsonList<string>(ids)).orderBy('id'),
);

/** As many appends come alone: to take a list apart takes longer than the look-up. */
const knownCall = prepared((db, { id }: { id: string }) =>
  db.selectFrom('calls').selectAll().where('id', '=', id),
);

const insertCall = prepared((db, row: Insertable<CallTable>) => db.insertInto('calls').values(row));

const insertFact = prepared((db, row: Insertable<FactTable>) =>
  db
    .insertInto('facts')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doNothing()),
);

const insertEvent = prepared((db, row: Insertable<EventTable>) =>
  db.insertInto('events').values(row),
);

const APPENDED: AppendResult = { status: 'appended' };
const NO_HISTORY: CallHistory = { events: [], facts: [] };

/**
 * Only the number that the call's holder was given counts. An append without one is the result of
 * a job, which may come long after the call; one from a spool is what a dead holder left.
 */
function isFenced(entry: Append, call: CallRecord | undefined): boolean {
  if (entry.recovered === true || entry.lease === undefined || call === undefined) return false;
  return entry.lease !== call.lease;
}

function count(call: CallRecord, counter: 'sequence' | 'transcript' | 'none'): CallRecord {
  if (counter === 'sequence') return { ...call, sequence: call.sequence + 1 };
  if (counter === 'transcript') return { ...call, transcriptSequence: call.transcriptSequence + 1 };
  return call;
}
