import { newId } from '../../ids.ts';
import type {
  Append,
  AttemptRecord,
  ClaimedJob,
  JobListener,
  JobState,
  Settlement,
  Store,
} from '../../store/store.ts';

export interface MemoryJob {
  job: Omit<ClaimedJob, 'claimId' | 'attempt'>;
  state: JobState;
  dueAt: number;
  attempts: AttemptRecord[];
  claim: { id: string; until: number } | null;
}

/** The job part of a store, in memory, with the same rules, for tests of the delivery loop. */
export class MemoryJobs
  implements Pick<Store, 'claimJobs' | 'settleJobs' | 'nextDueAt' | 'recallJobs' | 'onJobs'>
{
  readonly jobs = new Map<string, MemoryJob>();
  readonly appended: Append[] = [];
  /** How often was looked for due jobs. */
  claims = 0;
  /** Sizes of the batches that were settled. */
  readonly batches: number[] = [];
  /** Called before a settlement is written; may throw. */
  beforeSettle: (settlements: readonly Settlement[]) => void = () => {};
  readonly #listeners = new Set<JobListener>();

  add(...jobs: readonly Partial<MemoryJob['job']>[]): MemoryJob[] {
    const added = jobs.map((job): MemoryJob => {
      const id = newId('dlv');
      const event = { id: newId('evt'), type: 'call.ended', body: eventBody('call.ended') };
      const base = { id, kind: 'webhook', target: 'whe_default', callId: 'call_1' } as const;
      const full = { ...base, refusals: 0, createdAt: Date.now(), event, body: {}, ...job };
      return { job: full, state: 'waiting', dueAt: Date.now(), attempts: [], claim: null };
    });
    for (const one of added) this.jobs.set(one.job.id, one);
    this.announce(Date.now());
    return added;
  }

  claimJobs(query: { limit: number; perTarget: number; leaseMs: number }): Promise<ClaimedJob[]> {
    this.claims++;
    const now = Date.now();
    const held = new Map<string, number>();
    for (const { job, claim } of this.jobs.values()) {
      if (claim && claim.until > now) held.set(job.target, (held.get(job.target) ?? 0) + 1);
    }
    const claimed: ClaimedJob[] = [];
    const waiting = [...this.jobs.values()].sort((a, b) => a.dueAt - b.dueAt);
    for (const one of waiting) {
      if (claimed.length === query.limit) break;
      const { target } = one.job;
      const count = held.get(target) ?? 0;
      const isFree = one.claim === null || one.claim.until <= now;
      if (one.state !== 'waiting' || one.dueAt > now || !isFree || count >= query.perTarget) {
        continue;
      }
      held.set(target, count + 1);
      one.claim = { id: newId('fct'), until: now + query.leaseMs };
      claimed.push({ ...one.job, claimId: one.claim.id, attempt: one.attempts.length + 1 });
    }
    return Promise.resolve(claimed);
  }

  async settleJobs(settlements: readonly Settlement[]): Promise<void> {
    // A commit takes a moment, in which others finish.
    await new Promise((resolve) => setImmediate(resolve));
    this.beforeSettle(settlements);
    this.batches.push(settlements.length);
    for (const { jobId, claimId, attempt, next, append, counts } of settlements) {
      const one = this.jobs.get(jobId);
      if (one?.claim?.id !== claimId) continue;
      one.claim = null;
      if (counts !== false) one.attempts.push(attempt);
      if (next.state === 'retry') one.dueAt = next.at;
      else one.state = next.state;
      if (append) this.appended.push(append);
    }
  }

  nextDueAt(): Promise<number | null> {
    const due = [...this.jobs.values()]
      .filter(({ state, claim }) => state === 'waiting' && claim === null)
      .map(({ dueAt }) => dueAt);
    return Promise.resolve(due.length > 0 ? Math.min(...due) : null);
  }

  recallJobs(): Promise<number> {
    return Promise.resolve(0);
  }

  announce(dueAt: number): void {
    for (const listener of this.#listeners) listener(dueAt);
  }

  onJobs(listener: JobListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

export function eventBody(type: string): string {
  return JSON.stringify({
    id: 'evt_1',
    event: type,
    call_id: 'call_1',
    sequence: 1,
    timestamp: '2026-01-05T12:00:00.000Z',
    // Bytes that JSON made anew would write differently.
    data: { call_id: 'call_1', note: 'Grüße \u2028 ☎' },
  }).replace('"sequence":1', '"sequence": 1');
}
