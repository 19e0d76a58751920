import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newId } from '../ids.ts';
import type { DefaultEndpoint } from './append.ts';
import type {
  Append,
  AttemptRecord,
  CallOpening,
  ClaimedJob,
  ContactInput,
  EventDraft,
  FactDraft,
  Settlement,
  Store,
} from './store.ts';

export interface ConformanceStoreOptions {
  clock: () => number;
  defaultEndpoint: DefaultEndpoint | null;
}

/**
 * What every implementation of `Store` has to do. `makeStore` gives an empty one that uses
 * `conformanceComposer` and the given clock for everything it judges.
 */
export function storeConformance(
  name: string,
  makeStore: (options: ConformanceStoreOptions) => Promise<Store>,
): void {
  describe(`a store: ${name}`, () => {
    const START = Date.UTC(2026, 0, 1);
    let now = START;
    let store: Store;
    const clock = () => now;

    async function open(defaultEndpoint: DefaultEndpoint | null): Promise<Store> {
      await store?.close();
      store = await makeStore({ clock, defaultEndpoint });
      return store;
    }

    beforeEach(async () => {
      now = START;
      await open({ perEvent: false });
    });
    afterEach(() => store.close());

    async function append(...batch: Append[]): Promise<string[]> {
      return (await store.append(batch)).map(({ status }) => status);
    }

    async function openCall(opening: Partial<CallOpening> = {}): Promise<string> {
      const call = callOpening(opening);
      expect(await append({ callId: call.id, open: call })).toEqual(['appended']);
      return call.id;
    }

    async function sequences(callId: string): Promise<(number | null)[]> {
      return (await store.listCallEvents(callId)).map(({ sequence }) => sequence);
    }

    async function claimAll(limit = 100): Promise<ClaimedJob[]> {
      return await store.claimJobs({ limit, perTarget: limit, leaseMs: 60_000 });
    }

    describe('appending', () => {
      it('numbers the events of a call 1, 2, 3 and transcripts apart', async () => {
        const callId = await openCall();
        const types = ['call.started', 'transcript.final', 'call.answered', 'transcript.final'];
        await append({ callId, lease: 1, events: types.map((type) => event(type)) });
        expect(await sequences(callId)).toEqual([1, null, 2, null]);
        const bodies = await bodiesOf(store, callId);
        expect(bodies.map((body) => body.transcriptSequence)).toEqual([null, 1, null, 2]);
        expect(await store.getCall(callId)).toMatchObject({ sequence: 2, transcriptSequence: 2 });
      });

      it('takes a repeated append as done and gives no second number', async () => {
        const opening = callOpening();
        const entry: Append = {
          callId: opening.id,
          lease: 1,
          open: opening,
          events: [event('call.started')],
          facts: [fact('note', { message: 'x' })],
          jobs: [{ id: newId('job'), kind: 'crm_write', target: 'crm', body: {} }],
        };
        expect(await append(entry, entry)).toEqual(['appended', 'appended']);
        expect(await append(entry)).toEqual(['appended']);
        await append({ callId: opening.id, lease: 1, events: [event('call.answered')] });
        expect(await sequences(opening.id)).toEqual([1, 2]);
        expect(await store.listFacts(opening.id)).toHaveLength(1);
        expect(await claimAll()).toHaveLength(3);
      });

      it('leaves no trace of a refused entry, and writes the others of its batch', async () => {
        const [first, second] = [await openCall(), await openCall()];
        const resent = event('a.one');
        const statuses = await append(
          { callId: first, lease: 1, events: [event('a.zero')] },
          {
            callId: first,
            lease: 1,
            events: [resent, event('a.two', { refuse: true })],
            facts: [fact('context', { state: 'ready', ms: 1, contact: { id: '1', name: 'x' } })],
          },
          { callId: second, lease: 1, events: [event('b.one')] },
          { callId: first, lease: 1, events: [resent] },
        );
        expect(statuses).toEqual(['appended', 'refused', 'appended', 'appended']);
        expect(await sequences(first)).toEqual([1, 2]);
        expect(await sequences(second)).toEqual([1]);
        expect(await store.getCall(first)).toMatchObject({ context: 'none', sequence: 2 });
        expect(await store.listFacts(first)).toEqual([]);
      });

      it.each<[string, Append, string]>([
        ['a call that nobody opened', { callId: 'call_x', events: [event('a.b')] }, 'CALL_UNKNOWN'],
        ['an event of no call', { callId: null, events: [event('a.b')] }, 'APPEND_INVALID'],
        ['an unknown type', entryOf({ events: [event('unknown')] }), 'EVENT_UNKNOWN_TYPE'],
        ['what the composer refuses', entryOf({ events: [refusing()] }), 'TEST_REFUSED'],
        ['a context of another shape', entryOf({ facts: [fact('context', {})] }), 'APPEND_INVALID'],
        [
          'a delivery of the writer',
          entryOf({ jobs: [{ id: 'j', kind: 'webhook', target: 't', body: {} }] }),
          'APPEND_INVALID',
        ],
        [
          'metadata that would not fit into every event',
          entryOf({}, { metadata: { long: 'x'.repeat(20_000) } }),
          'APPEND_INVALID',
        ],
      ])('refuses %s', async (_, entry, code) => {
        expect(await store.append([entry])).toEqual([expect.objectContaining({ code })]);
        if (entry.callId !== null) expect(await store.getCall(entry.callId)).toBeNull();
      });

      it('keeps an event of no call without call and number', async () => {
        await append({ callId: null, events: [event('delivery.exhausted')] });
        expect(await store.eventsAfter(0, 10)).toEqual([
          expect.objectContaining({ callId: null, sequence: null, type: 'delivery.exhausted' }),
        ]);
      });

      it('pages through the events of all calls by position', async () => {
        const callIds = [await openCall(), await openCall()];
        for (const type of ['a.1', 'a.2', 'a.3']) {
          await append(...callIds.map((callId) => ({ callId, lease: 1, events: [event(type)] })));
        }
        const seen: string[] = [];
        let position = 0;
        for (;;) {
          const page = await store.eventsAfter(position, 2);
          if (page.length === 0) break;
          seen.push(...page.map(({ id }) => id));
          position = page.at(-1)!.position;
        }
        expect(new Set(seen).size).toBe(6);
      });

      it('numbers every call whole, whatever order and repeats its appends arrive in', async () => {
        const plan = fc.array(
          fc.record({
            call: fc.integer({ min: 0, max: 3 }),
            events: fc.integer({ min: 0, max: 3 }),
            transcripts: fc.integer({ min: 0, max: 2 }),
            refused: fc.boolean(),
            repeats: fc.array(fc.nat({ max: 30 }), { maxLength: 2 }),
          }),
          { minLength: 1, maxLength: 30 },
        );
        const batchSizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 });
        await fc.assert(
          fc.asyncProperty(plan, batchSizes, async (steps, sizes) => {
            const openings = [0, 1, 2, 3].map(() => callOpening());
            const entries: Append[] = [];
            for (const step of steps) {
              const opening = openings[step.call]!;
              const drafts = [
                ...Array.from({ length: step.events }, () => event('a.b')),
                ...Array.from({ length: step.transcripts }, () => event('transcript.final')),
                ...(step.refused ? [refusing()] : []),
              ];
              entries.push({ callId: opening.id, lease: 1, open: opening, events: drafts });
              for (const index of step.repeats) entries.push(entries[index % entries.length]!);
            }
            for (let i = 0; entries.length > 0; i++) {
              await store.append(entries.splice(0, sizes[i % sizes.length]!));
            }
            for (const [index, { id }] of openings.entries()) {
              const kept = steps.filter((step) => step.call === index && !step.refused);
              const bodies = await bodiesOf(store, id);
              const events = kept.reduce((sum, step) => sum + step.events, 0);
              const transcripts = kept.reduce((sum, step) => sum + step.transcripts, 0);
              expect(numbersOf(bodies, 'sequence')).toEqual(upTo(events));
              expect(numbersOf(bodies, 'transcriptSequence')).toEqual(upTo(transcripts));
            }
          }),
          { numRuns: 25 },
        );
      });
    });

    describe("the call's row", () => {
      it('follows the events from ringing to ended', async () => {
        const callId = await openCall({ from: '+15550100001' });
        const states: unknown[] = [];
        const step = async (draft: EventDraft) => {
          await append({ callId, lease: 1, events: [draft] });
          states.push((await store.getCall(callId))?.state);
        };
        await step(event('call.started'));
        await step({ ...event('call.answered'), time: 5_000 });
        await step({ ...event('call.ended', { end_reason: 'silence' }), time: 9_000 });
        await step(event('crm.updated'));
        expect(states).toEqual(['ringing', 'active', 'ended', 'ended']);
        expect(await store.getCall(callId)).toMatchObject({
          answeredAt: 5_000,
          endedAt: 9_000,
          endReason: 'silence',
          contact: { id: null, name: null, phone: '+15550100001' },
        });
      });

      it('takes contact, context and usage from facts of the same append', async () => {
        const callId = await openCall({ from: '+15550100001' });
        await append({
          callId,
          lease: 1,
          events: [event('call.answered')],
          facts: [
            fact('context', { state: 'ready', ms: 120, contact: { id: '42', name: 'Ada' } }),
            fact('usage', { model: 'm', inputTokens: 1 }),
          ],
        });
        const contact = { id: '42', name: 'Ada', phone: '+15550100001' };
        expect(await store.getCall(callId)).toMatchObject({
          contact,
          context: 'ready',
          contextMs: 120,
          usage: { inputTokens: 1 },
        });
        expect(await bodiesOf(store, callId)).toEqual([expect.objectContaining({ contact })]);
      });

      it('does not go back to older totals when a usage fact is repeated', async () => {
        const callId = await openCall();
        const [older, newer] = [fact('usage', { total: 1 }), fact('usage', { total: 2 })];
        for (const usage of [older, newer, older]) {
          await append({ callId, lease: 1, facts: [usage] });
        }
        expect((await store.getCall(callId))?.usage).toEqual({ total: 2 });
      });

      it('lists calls newest first, page by page', async () => {
        const ids: string[] = [];
        for (let i = 0; i < 5; i++) {
          now += 1_000;
          ids.push(await openCall({ id: newId('call', now), time: now }));
        }
        const page = await store.listCalls({ limit: 3 });
        const rest = await store.listCalls({ limit: 3, before: page.at(-1)!.id });
        expect([...page, ...rest].map(({ id }) => id)).toEqual(ids.reverse());
      });

      it('counts the live calls of a number, and no anonymous ones', async () => {
        const from = '+15550100001';
        const ended = await openCall({ from });
        await openCall({ from });
        await openCall({ from: null });
        await append({ callId: ended, lease: 1, events: [endedEvent()] });
        expect(await store.countLiveCalls(from)).toBe(1);
        expect(await store.countLiveCalls(null)).toBe(0);
      });
    });

    describe('the end of a call', () => {
      it('composes call.ended from everything stored of the call', async () => {
        const callId = await openCall();
        const note = fact('note', { message: 'x' });
        await append({ callId, lease: 1, events: [event('transcript.final')], facts: [note] });
        await append({ callId, lease: 1, events: [event('a.b'), endedEvent()] });
        const last = (await bodiesOf(store, callId)).at(-1);
        expect(last).toMatchObject({ state: 'ended', seen: ['transcript.final', 'a.b', note.id] });
      });

      it('refuses a second call.ended, but not the repetition of the first', async () => {
        const callId = await openCall();
        const first = endedEvent();
        expect(await append({ callId, lease: 1, events: [first] })).toEqual(['appended']);
        expect(await append({ callId, lease: 1, events: [first] })).toEqual(['appended']);
        expect(await store.append([{ callId, lease: 1, events: [endedEvent()] }])).toEqual([
          expect.objectContaining({ status: 'refused', code: 'CALL_ALREADY_ENDED' }),
        ]);
        expect(await sequences(callId)).toEqual([1]);
      });

      it('keeps what a spool still held behind the end, marked late, without its own end', async () => {
        const callId = await openCall();
        await append({ callId, lease: 1, events: [event('call.started'), endedEvent()] });
        const spooled = [event('intent.recorded'), endedEvent()];
        expect(await append({ callId, lease: 1, events: spooled, recovered: true })).toEqual([
          'appended',
        ]);
        const bodies = await bodiesOf(store, callId);
        expect(bodies.map(({ sequence, late }) => [sequence, late])).toEqual([
          [1, false],
          [2, false],
          [3, true],
        ]);
      });

      it('makes the jobs of the end once', async () => {
        await open(null);
        const callId = await openCall();
        const end = endedEvent();
        for (let i = 0; i < 2; i++) await append({ callId, lease: 1, events: [end] });
        expect((await claimAll()).map(({ id, kind }) => [id, kind])).toEqual([
          [`job_end_${callId}`, 'crm_write'],
        ]);
      });
    });

    describe('leases', () => {
      it('fences a holder from the moment somebody else has taken the call over', async () => {
        const callId = await openCall();
        now += 60_000;
        expect(await append({ callId, lease: 1, events: [event('a.b')] })).toEqual(['appended']);
        expect(await store.takeOver(callId, 30_000)).toMatchObject({ lease: 2 });
        expect(await append({ callId, lease: 1, events: [event('a.b')] })).toEqual(['fenced']);
        expect(await append({ callId, lease: 2, events: [event('a.b')] })).toEqual(['appended']);
        expect(await append({ callId, events: [event('crm.updated')] })).toEqual(['appended']);
        expect(await sequences(callId)).toEqual([1, 2, 3]);
      });

      it('gives an abandoned call to one taker only', async () => {
        const callId = await openCall();
        expect(await store.takeOver(callId, 30_000)).toBeNull();
        expect(await store.abandonedCalls(10)).toEqual([]);
        await store.expireLeases([{ callId, lease: 1 }]);
        expect((await store.abandonedCalls(10)).map(({ id }) => id)).toEqual([callId]);
        const takers = await Promise.all([1, 2, 3].map(() => store.takeOver(callId, 30_000)));
        expect(takers.filter((taken) => taken !== null)).toHaveLength(1);
        expect(await store.abandonedCalls(10)).toEqual([]);
      });

      it('renews what is still held and names what is lost', async () => {
        const [kept, lost] = [await openCall(), await openCall()];
        await store.expireLeases([{ callId: lost, lease: 1 }]);
        await store.takeOver(lost, 30_000);
        const held = [kept, lost].map((callId) => ({ callId, lease: 1 }));
        expect(await store.renewLeases(held, 90_000)).toEqual([{ callId: lost, lease: 1 }]);
        expect(await store.renewLeases([{ callId: 'call_unknown', lease: 1 }], 90_000)).toEqual([]);
        now += 60_000;
        expect((await store.abandonedCalls(10)).map(({ id }) => id)).toEqual([lost]);
      });

      it('does not offer an ended call', async () => {
        const callId = await openCall();
        await append({ callId, lease: 1, events: [endedEvent()] });
        now += 60_000;
        expect(await store.abandonedCalls(10)).toEqual([]);
        expect(await store.takeOver(callId, 30_000)).toBeNull();
      });
    });

    describe('jobs', () => {
      async function crmJobs(target: string, count: number): Promise<string[]> {
        const ids = Array.from({ length: count }, () => newId('job'));
        await append({
          callId: null,
          jobs: ids.map((id) => ({ id, kind: 'crm_write', target, body: { of: target } })),
        });
        return ids;
      }

      it('delivers each event to the default endpoint, with the stored bytes', async () => {
        const callId = await openCall();
        const [started, said] = [event('call.started'), event('transcript.final')];
        await append({ callId, lease: 1, events: [started, said] });
        const [stored] = await store.listCallEvents(callId);
        expect(await claimAll()).toEqual([
          expect.objectContaining({
            id: expect.stringMatching(/^dlv_/),
            kind: 'webhook',
            target: 'whe_default',
            attempt: 1,
            callId,
            event: { id: started.id, type: 'call.started', body: stored?.body },
          }),
        ]);
      });

      it('has a target for each first word of a type where each has its own path', async () => {
        await open({ perEvent: true });
        const callId = await openCall();
        await append({
          callId,
          lease: 1,
          events: [event('call.started'), event('intent.recorded')],
        });
        const targets = (await claimAll()).map(({ target }) => target);
        expect(targets).toEqual(['whe_default:call', 'whe_default:intent']);
      });

      it('delivers nothing while no endpoint is configured', async () => {
        await open(null);
        const callId = await openCall();
        await append({ callId, lease: 1, events: [event('call.started')] });
        expect(await claimAll()).toEqual([]);
      });

      it('tells its listeners of new jobs, and nothing more once they unsubscribed', async () => {
        let wakeUps = 0;
        const { promise, resolve } = Promise.withResolvers<void>();
        const unsubscribe = store.onJobs(() => {
          wakeUps += 1;
          resolve();
        });
        await crmJobs('crm', 1);
        await promise;
        unsubscribe();
        await crmJobs('crm', 1);
        expect(wakeUps).toBe(1);
      });

      it('gives a job to one claimer, and again once the claim has run out', async () => {
        const [id] = await crmJobs('crm', 1);
        const claims = await Promise.all([1, 2, 3].map(() => claimAll()));
        expect(claims.flat().map((job) => job.id)).toEqual([id]);
        expect(await claimAll()).toEqual([]);
        now += 60_000;
        const [again] = await claimAll();
        expect(again).toMatchObject({ id, attempt: 1 });
        expect(again?.claimId).not.toBe(claims.flat()[0]?.claimId);
      });

      it('holds a busy target to its limit and serves the others', async () => {
        const dead = await crmJobs('dead', 20);
        now += 1;
        const alive = await crmJobs('alive', 2);
        const query = { limit: 10, perTarget: 3, leaseMs: 60_000 };
        const first = await store.claimJobs(query);
        expect(first.map(({ id }) => id)).toEqual([...dead.slice(0, 3), ...alive]);
        expect(await store.claimJobs(query)).toEqual([]);
        await store.settleJobs([settlement(first[0]!, { state: 'done' })]);
        expect((await store.claimJobs(query)).map(({ id }) => id)).toEqual([dead[3]]);
      });

      it('never claims more than the limit', async () => {
        await crmJobs('a', 5);
        await crmJobs('b', 5);
        expect(await store.claimJobs({ limit: 7, perTarget: 5, leaseMs: 1 })).toHaveLength(7);
      });

      it('tries again when it is time, and counts the attempts', async () => {
        await crmJobs('crm', 1);
        const [job] = await claimAll();
        const failed = attempt({ status: 503, error: 'status' });
        await store.settleJobs([settlement(job!, { state: 'retry', at: now + 2_000 }, failed)]);
        expect(await store.nextDueAt()).toBe(START + 2_000);
        expect(await claimAll()).toEqual([]);
        now += 2_000;
        const [again] = await claimAll();
        expect(again?.attempt).toBe(2);
        await store.settleJobs([settlement(again!, { state: 'done' })]);
        expect(await store.nextDueAt()).toBeNull();
        expect(await store.listAttempts(job!.id)).toEqual([failed, attempt()]);
        expect(await store.listDeliveries({ limit: 10 })).toEqual([
          expect.objectContaining({ id: job!.id, state: 'done', attempts: 2, lastStatus: 200 }),
        ]);
      });

      it('does not count what was not tried', async () => {
        await crmJobs('crm', 1);
        const [job] = await claimAll();
        const untried = settlement(job!, { state: 'retry', at: now + 1_000 });
        await store.settleJobs([{ ...untried, counts: false }]);
        now += 1_000;
        expect(await claimAll()).toEqual([expect.objectContaining({ attempt: 1 })]);
        expect(await store.listAttempts(job!.id)).toEqual([]);
      });

      it('believes only the claim that holds the job', async () => {
        await crmJobs('crm', 1);
        const [overslept] = await claimAll();
        now += 60_000;
        const [current] = await claimAll();
        const append = { callId: null, events: [event('delivery.exhausted')] };
        await store.settleJobs([{ ...settlement(overslept!, { state: 'exhausted' }), append }]);
        expect(await store.listAttempts(overslept!.id)).toEqual([]);
        expect(await store.eventsAfter(0, 10)).toEqual([]);
        await store.settleJobs([settlement(current!, { state: 'done' })]);
        expect(await store.listDeliveries({ limit: 1, state: 'done' })).toHaveLength(1);
      });

      it('writes the append of a result with the result, or neither', async () => {
        const callId = await openCall();
        await crmJobs('crm', 1);
        const [job] = await claimAll();
        const done = settlement(job!, { state: 'done' });
        const refusedAppend = { callId, events: [refusing()] };
        await expect(store.settleJobs([{ ...done, append: refusedAppend }])).rejects.toMatchObject({
          code: 'STORE_APPEND_REFUSED',
          retryable: false,
        });
        expect(await store.listAttempts(job!.id)).toEqual([]);
        await store.settleJobs([{ ...done, append: { callId, events: [event('crm.updated')] } }]);
        expect(await sequences(callId)).toEqual([1]);
        expect(await store.listAttempts(job!.id)).toHaveLength(1);
      });

      it('keeps 4 KB of an answer', async () => {
        await crmJobs('crm', 1);
        const [job] = await claimAll();
        const long = attempt({ response: `${'x'.repeat(4095)}é and more` });
        await store.settleJobs([settlement(job!, { state: 'done' }, long)]);
        expect((await store.listAttempts(job!.id))[0]?.response).toBe('x'.repeat(4095));
      });

      it('frees the claims of a dead process at once', async () => {
        const ids = await crmJobs('crm', 3);
        await claimAll();
        await store.releaseClaims();
        expect((await claimAll()).map(({ id }) => id).sort()).toEqual([...ids].sort());
      });
    });

    describe('deliveries', () => {
      async function settleAll(state: 'done' | 'exhausted'): Promise<void> {
        const jobs = await claimAll();
        await store.settleJobs(jobs.map((job) => settlement(job, { state })));
      }

      it('can be found by call and by state', async () => {
        const [first, second] = [await openCall(), await openCall()];
        await append({ callId: first, lease: 1, events: [event('a.b')] });
        await settleAll('exhausted');
        await append({ callId: second, lease: 1, events: [event('a.b')] });
        const byCall = await store.listDeliveries({ limit: 10, callId: second });
        expect(byCall).toEqual([expect.objectContaining({ callId: second, state: 'waiting' })]);
        const failed = await store.listDeliveries({ limit: 10, state: 'exhausted' });
        expect(failed).toEqual([expect.objectContaining({ callId: first, eventType: 'a.b' })]);
      });

      it('are replayed as new ones of the same event', async () => {
        const callId = await openCall();
        await append({ callId, lease: 1, events: [event('a.b')] });
        await settleAll('exhausted');
        const [old] = await store.listDeliveries({ limit: 1 });
        const [id] = await store.replayDeliveries({ deliveryId: old!.id });
        const [job] = await claimAll();
        expect(job).toMatchObject({ id, attempt: 1, target: old!.target });
        expect(job?.event?.id).toBe(old!.eventId);
        expect(id).not.toBe(old!.id);
      });

      it('are not replayed twice while the replay is on its way', async () => {
        const callId = await openCall();
        await append({ callId, lease: 1, events: [event('a.b'), event('a.c')] });
        await settleAll('exhausted');
        expect(await store.replayDeliveries({ onlyFailed: true })).toHaveLength(2);
        expect(await store.replayDeliveries({ onlyFailed: true })).toHaveLength(0);
        await settleAll('done');
        expect(await store.replayDeliveries({ onlyFailed: true })).toHaveLength(0);
        expect(await store.replayDeliveries({ callId })).toHaveLength(2);
      });

      it('are replayed since a time', async () => {
        const callId = await openCall();
        await append({ callId, lease: 1, events: [event('a.b')] });
        now += 1_000;
        await append({ callId, lease: 1, events: [event('a.c')] });
        await settleAll('done');
        expect(await store.replayDeliveries({ since: now })).toHaveLength(1);
      });
    });

    describe('contacts', () => {
      it('are imported by phone: what is left out stays', async () => {
        const ada = contact({ name: 'Ada', email: 'ada@example.com', fields: { Tier: 'gold' } });
        expect(await store.importContacts([ada])).toEqual({ created: 1, updated: 0 });
        const again = contact({ accountStatus: 'active', fields: { City: 'Bath' } });
        const other = contact({ phone: '+15550100002' });
        expect(await store.importContacts([again, other])).toEqual({ created: 1, updated: 1 });
        expect(await store.findContacts({ phone: ada.phone, limit: 5 })).toEqual([
          expect.objectContaining({
            name: 'Ada',
            email: 'ada@example.com',
            accountStatus: 'active',
            fields: { Tier: 'gold', City: 'Bath' },
          }),
        ]);
      });

      it('are found by a part of name, e-mail or phone, taken literally', async () => {
        await store.importContacts([
          contact({ name: 'Ada 100% Lovelace' }),
          contact({ phone: '+15550100002', email: 'bob@example.com' }),
        ]);
        const names = async (text: string) =>
          (await store.findContacts({ text, limit: 5 })).map(({ phone }) => phone);
        expect(await names('love')).toEqual(['+15550100001']);
        expect(await names('100%')).toEqual(['+15550100001']);
        expect(await names('BOB@')).toEqual(['+15550100002']);
        expect(await names('%')).toEqual(['+15550100001']);
        expect(await names('nobody')).toEqual([]);
      });

      it('take each entry once, and an unknown caller becomes a contact', async () => {
        const entry = {
          id: 'entry_1',
          contactId: null,
          phone: '+15550100009',
          kind: 'note' as const,
          time: now,
          data: { text: 'hello' },
        };
        const { contactId } = await store.addContactEntry(entry);
        expect(await store.addContactEntry(entry)).toEqual({ contactId });
        const second = { ...entry, id: 'entry_2' };
        expect(await store.addContactEntry(second)).toEqual({ contactId });
        expect(await store.getContact(contactId)).toMatchObject({ phone: entry.phone, name: null });
        expect(await store.listContactEntries(contactId)).toEqual([
          { ...entry, contactId },
          { ...second, contactId },
        ]);
      });

      it('are not invented for an entry that names nobody', async () => {
        const entry = { id: 'e', contactId: null, phone: null, kind: 'note' as const, time: now };
        await expect(store.addContactEntry({ ...entry, data: {} })).rejects.toMatchObject({
          code: 'CONTACT_PHONE_MISSING',
        });
        const unknown = { ...entry, contactId: 'con_unknown', data: {} };
        await expect(store.addContactEntry(unknown)).rejects.toMatchObject({
          code: 'CONTACT_UNKNOWN',
        });
      });
    });

    it('answers nothing once it is closed, and may be closed twice', async () => {
      await store.close();
      await store.close();
      await expect(store.getCall('call_x')).rejects.toMatchObject({ code: 'STORE_CLOSED' });
    });
  });
}

function event(type: string, data: Record<string, unknown> = {}): EventDraft {
  return { id: newId('evt'), type, time: Date.UTC(2026, 0, 1), data };
}

function endedEvent(): EventDraft {
  return event('call.ended', { end_reason: 'caller_hung_up' });
}

function refusing(): EventDraft {
  return event('a.refused', { refuse: true });
}

function fact(kind: FactDraft['kind'], data: Record<string, unknown>): FactDraft {
  return { id: newId('fct'), kind, time: Date.UTC(2026, 0, 1), data };
}

function callOpening(opening: Partial<CallOpening> = {}): CallOpening {
  return {
    id: newId('call'),
    direction: 'inbound',
    from: '+15550100001',
    to: '+15550100000',
    agentId: 'receptionist',
    room: 'room-1',
    metadata: {},
    time: Date.UTC(2026, 0, 1),
    ...opening,
  };
}

function entryOf(entry: Partial<Append>, opening: Partial<CallOpening> = {}): Append {
  const open = callOpening(opening);
  return { callId: open.id, open, ...entry };
}

function attempt(record: Partial<AttemptRecord> = {}): AttemptRecord {
  return { at: 1, durationMs: 20, status: 200, error: null, response: null, ...record };
}

function settlement(
  job: ClaimedJob,
  next: Settlement['next'],
  record: AttemptRecord = attempt(),
): Settlement {
  return { jobId: job.id, claimId: job.claimId, attempt: record, next };
}

function contact(input: Partial<ContactInput> = {}): ContactInput {
  return {
    phone: '+15550100001',
    name: null,
    email: null,
    accountStatus: null,
    lastInteraction: null,
    preferredLanguage: null,
    fields: {},
    ...input,
  };
}

async function bodiesOf(store: Store, callId: string): Promise<Record<string, unknown>[]> {
  const events = await store.listCallEvents(callId);
  return events.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
}

function numbersOf(bodies: Record<string, unknown>[], counter: string): unknown[] {
  return bodies.map((body) => body[counter]).filter((number) => number !== null);
}

function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}
