import type { Insertable, Kysely, Transaction } from 'kysely';
import { logger } from '../config/log.ts';
import { derivedId } from '../ids.ts';
import { type AppendOptions, appendBatch } from './append.ts';
import { refusalOf, refused } from './append_refusal.ts';
import { checkedOpening } from './call_derivation.ts';
import { inJsonList } from './json_list.ts';
import { prepared } from './prepared.ts';
import { reportedCallIds, reportedKey } from './reported_calls.ts';
import type { ReportTable, Tables } from './schema.ts';
import type { Append, AppendResult, CallOpening, FactDraft } from './store.ts';

/*
 * What other platforms tell of their calls
 * ========================================
 *
 *     append ──► taken: one row, in the commit of all that is appended beside it ──► answered
 *                  └── some at a time, when nobody waits ──► followed: the call's row, its facts,
 *                                                  events and jobs; in the same commit the row goes
 *
 * All that follows from a report took 1.6 ms and 18 pages in front of its answer: at 500 a second each
 * waited for many others. What is taken is durable, so the commit that follows it needs no fsync of its own:
 * a power cut that undoes it leaves the row, and the ids of what follows are the same again.
 *
 * The ids of calls whose reports wait are kept in memory: they are few, and this process is the only one
 * that works on the database.
 */

export interface Report extends Append {
  open: CallOpening & { reportedBy: NonNullable<CallOpening['reportedBy']> };
  facts: readonly FactDraft[];
}

/** One that was taken: `keep` it when the transaction has been committed. */
export interface TakenReport {
  position: number;
  callId: string;
  key: string;
}

interface Waiting {
  key: string;
  positions: Set<number>;
}

export function isReport(entry: Append): entry is Report {
  return entry.open?.reportedBy !== undefined;
}

export class ReportInbox {
  readonly #log = logger('store');
  /** By the id of the call. */
  readonly #calls = new Map<string, Waiting>();
  readonly #callIds = new Map<string, string>();
  /** The call of each that waits, in the order in which they came. */
  readonly #line = new Map<number, string>();

  /** @param db Whose reports have been waiting since another process took them. */
  static async open(db: Kysely<Tables>): Promise<ReportInbox> {
    const inbox = new ReportInbox();
    const rows = await db
      .selectFrom('reports')
      .select(['position', 'call_id as callId', 'provider', 'provider_call_id'])
      .orderBy('position')
      .execute();
    inbox.keep(
      rows.map(({ position, callId, provider, provider_call_id }) => ({
        position,
        callId,
        key: reportedKey({ provider, callId: provider_call_id }),
      })),
    );
    return inbox;
  }

  /** How many wait. */
  get size(): number {
    return this.#line.size;
  }

  /** The next to be followed, at most so many: all of the call that has waited longest, and so on. */
  next(limit: number): number[] {
    const positions = new Set<number>();
    for (const callId of this.#line.values()) {
      for (const position of this.#calls.get(callId)?.positions ?? []) {
        if (positions.size === limit) return [...positions];
        positions.add(position);
      }
    }
    return [...positions];
  }

  /** What waits of this call, in its order. */
  ofCall(callId: string): number[] {
    return [...(this.#calls.get(callId)?.positions ?? [])];
  }

  /** Writes them down; nothing of them is judged but what would make their calls impossible. */
  async take(
    trx: Transaction<Tables>,
    reports: readonly Report[],
  ): Promise<{ results: AppendResult[]; taken: TakenReport[] }> {
    const openings = reports.map(({ open }) => open);
    const known = await reportedCallIds(trx, openings);
    const results: AppendResult[] = [];
    const taken: TakenReport[] = [];
    for (const report of reports) {
      const { open, facts } = report;
      const refusal = refusalOfReport(report);
      if (refusal !== null) {
        results.push(refusal);
        continue;
      }
      const key = reportedKey(open.reportedBy);
      const callId = this.#callIds.get(key) ?? known.get(key) ?? open.id;
      known.set(key, callId);
      const { rows } = await insertReport(trx, {
        call_id: callId,
        provider: open.reportedBy.provider,
        provider_call_id: open.reportedBy.callId,
        append: JSON.stringify({ callId, open: { ...open, id: callId }, facts } satisfies Append),
      });
      for (const { position } of rows) taken.push({ position, callId, key });
      results.push({ status: 'appended', callId });
    }
    return { results, taken };
  }

  /** They are committed. */
  keep(taken: readonly TakenReport[]): void {
    for (const { position, callId, key } of taken) {
      const waiting = this.#calls.get(callId) ?? { key, positions: new Set() };
      this.#calls.set(callId, waiting);
      this.#callIds.set(key, callId);
      waiting.positions.add(position);
      this.#line.set(position, callId);
    }
  }

  /**
   * Writes what follows from these, of the first of them until it is enough. Where that is refused, which
   * no platform should be able to bring about, the report is kept as it is, and a note says so.
   */
  async follow(
    trx: Transaction<Tables>,
    positions: readonly number[],
    options: AppendOptions & { isEnough?: () => Promise<boolean> },
  ): Promise<{ followed: readonly number[]; firstDueAt: number | null }> {
    const { rows } = await reportsAt(trx, { positions: JSON.stringify(positions) });
    const entries = byCall(rows.map(({ append }) => JSON.parse(append) as Report));
    const { results, firstDueAt } = await appendBatch(trx, entries, options);
    const unfollowed = entries.flatMap((entry, i) => {
      const result = results[i];
      return result?.status === 'refused' ? [withNote(entry, result, options.clock())] : [];
    });
    if (unfollowed.length > 0) {
      const callIds = unfollowed.map(({ callId }) => callId);
      this.#log.error({ callIds }, 'reports are kept, but what follows from them was refused');
      const follow: AppendOptions['composer']['follow'] = ({ call }) => ({ call, ...NOTHING });
      const composer = { ...options.composer, follow };
      await appendBatch(trx, unfollowed, { ...options, composer });
    }
    const left = new Set(entries.slice(results.length).map(({ callId }) => callId));
    const followed = positions.filter((position) => !left.has(this.#line.get(position) ?? null));
    await deleteReports(trx, { positions: JSON.stringify(followed) });
    return { followed, firstDueAt };
  }

  /** They are followed, and that is committed. */
  forget(positions: readonly number[]): void {
    for (const position of positions) {
      const callId = this.#line.get(position);
      const waiting = callId === undefined ? undefined : this.#calls.get(callId);
      this.#line.delete(position);
      if (callId === undefined || waiting === undefined) continue;
      waiting.positions.delete(position);
      if (waiting.positions.size > 0) continue;
      this.#calls.delete(callId);
      this.#callIds.delete(waiting.key);
    }
  }

  /** Cannot be followed for now: the others pass. */
  putBack(positions: readonly number[]): void {
    for (const position of positions) {
      const callId = this.#line.get(position);
      this.#line.delete(position);
      if (callId !== undefined) this.#line.set(position, callId);
    }
  }
}

/** What has come of one call in the meantime is followed once: the more waits, the less each costs. */
function byCall(reports: readonly Report[]): Report[] {
  const calls = new Map<string | null, Report>();
  for (const report of reports) {
    const before = calls.get(report.callId);
    const facts = [...(before?.facts ?? []), ...report.facts];
    calls.set(report.callId, { ...report, facts });
  }
  return [...calls.values()];
}

const NOTHING = { events: [], jobs: [] };

/** So that taking it is not the last that is heard of it. */
function refusalOfReport(report: Report): AppendResult | null {
  const { events = [], jobs = [] } = report;
  if (events.length > 0 || jobs.length > 0) {
    return refused('APPEND_INVALID', 'What is reported of a call comes as facts alone.');
  }
  try {
    checkedOpening(report.open);
    return null;
  } catch (error) {
    return refusalOf(error);
  }
}

function withNote(
  entry: Report,
  { code, message }: Extract<AppendResult, { status: 'refused' }>,
  time: number,
): Append {
  const data = { message: 'what follows from a report was refused', code, reason: message };
  const id = derivedId(
    'fct',
    entry.open.time,
    JSON.stringify([entry.facts.map((f) => f.id), code]),
  );
  return { ...entry, facts: [...entry.facts, { id, kind: 'note', time, data }] };
}

const insertReport = prepared((db, row: Insertable<ReportTable>) =>
  db.insertInto('reports').values(row).returning('position'),
);

const reportsAt = prepared((db, { positions }: { positions: string }) =>
  db
    .selectFrom('reports')
    .select(['position', 'append'])
    .where('position', 'in', inJsonList<number>(positions))
    .orderBy('position'),
);

const deleteReports = prepared((db, { positions }: { positions: string }) =>
  db.deleteFrom('reports').where('position', 'in', inJsonList<number>(positions)),
);
