import { expect } from 'vitest';
import type { DefaultEndpoint } from '../default_endpoint.ts';
import type { EndpointRecord, TriggerRecord } from '../endpoint_store.ts';
import type { Append, CallOpening, ClaimedJob, Store } from '../store.ts';
import { callOpening, endedEvent, endpoint, event, trigger } from './drafts.ts';

export interface ConformanceStoreOptions {
  clock: () => number;
  defaultEndpoint: DefaultEndpoint | null;
}

export type MakeStore = (options: ConformanceStoreOptions) => Promise<Store>;

export const START = Date.UTC(2026, 0, 1);

/** The store of the running test, its clock, and the steps that most tests take. */
export class StoreUnderTest {
  now = START;
  readonly #makeStore: MakeStore;
  #store: Store | undefined;

  constructor(makeStore: MakeStore) {
    this.#makeStore = makeStore;
  }

  get store(): Store {
    if (this.#store === undefined) throw new Error('no store is open');
    return this.#store;
  }

  /** A new, empty store in place of the one before. */
  async open(defaultEndpoint: DefaultEndpoint | null): Promise<void> {
    await this.#store?.close();
    this.now = START;
    this.#store = await this.#makeStore({ clock: () => this.now, defaultEndpoint });
  }

  async append(...batch: Append[]): Promise<string[]> {
    return (await this.store.append(batch)).map(({ status }) => status);
  }

  async openCall(opening: Partial<CallOpening> = {}): Promise<string> {
    const call = callOpening(opening);
    expect(await this.append({ callId: call.id, open: call })).toEqual(['appended']);
    return call.id;
  }

  /** An endpoint with a trigger on each of these types. */
  async subscribe(
    record: Partial<EndpointRecord> = {},
    ...triggers: (Partial<TriggerRecord> | string)[]
  ): Promise<string> {
    const made = endpoint(record);
    await this.store.createEndpoint(made);
    for (const one of triggers.length > 0 ? triggers : ['*']) {
      const wanted = typeof one === 'string' ? { eventType: one } : one;
      await this.store.createTrigger(trigger({ ...wanted, endpointId: made.id }));
    }
    return made.id;
  }

  /** Events of these types, in an append of their own each. */
  async happen(callId: string, ...types: string[]): Promise<void> {
    for (const type of types) {
      const draft = type === 'call.ended' ? endedEvent() : event(type);
      expect(await this.append({ callId, lease: 1, events: [draft] })).toEqual(['appended']);
    }
  }

  async sequences(callId: string): Promise<(number | null)[]> {
    return (await this.store.listCallEvents(callId)).map(({ sequence }) => sequence);
  }

  async claimAll(limit = 100): Promise<ClaimedJob[]> {
    return await this.store.claimJobs({ limit, perTarget: limit, leaseMs: 60_000 });
  }
}
