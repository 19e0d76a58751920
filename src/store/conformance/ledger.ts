import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newId } from '../../ids.ts';
import type { Append, EventDraft } from '../store.ts';
import {
  bodiesOf,
  callOpening,
  endedEvent,
  entryOf,
  event,
  fact,
  numbersOf,
  refusing,
  upTo,
} from './drafts.ts';
import type { StoreUnderTest } from './store_under_test.ts';

/** Appends, and the rows and numbers that follow from them. */
export function ledgerConformance(t: StoreUnderTest): void {
  describe('appending', () => {
    it('numbers the events of a call 1, 2, 3 and transcripts apart', async () => {
      const callId = await t.openCall();
      const types = ['call.started', 'transcript.final', 'call.answered', 'transcript.final'];
      await t.append({ callId, lease: 1, events: types.map((type) => event(type)) });
      expect(await t.sequences(callId)).toEqual([1, null, 2, null]);
      const bodies = await bodiesOf(t.store, callId);
      expect(bodies.map((body) => body.transcriptSequence)).toEqual([null, 1, null, 2]);
      expect(await t.store.getCall(callId)).toMatchObject({ sequence: 2, transcriptSequence: 2 });
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
      expect(await t.append(entry, entry)).toEqual(['appended', 'appended']);
      expect(await t.append(entry)).toEqual(['appended']);
      await t.append({ callId: opening.id, lease: 1, events: [event('call.answered')] });
      expect(await t.sequences(opening.id)).toEqual([1, 2]);
      expect(await t.store.listFacts(opening.id)).toHaveLength(1);
      expect(await t.claimAll()).toHaveLength(3);
    });

    it('leaves no trace of a refused entry, and writes the others of its batch', async () => {
      const [first, second] = [await t.openCall(), await t.openCall()];
      const resent = event('a.one');
      const statuses = await t.append(
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
      expect(await t.sequences(first)).toEqual([1, 2]);
      expect(await t.sequences(second)).toEqual([1]);
      expect(await t.store.getCall(first)).toMatchObject({ context: 'none', sequence: 2 });
      expect(await t.store.listFacts(first)).toEqual([]);
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
      expect(await t.store.append([entry])).toEqual([expect.objectContaining({ code })]);
      if (entry.callId !== null) expect(await t.store.getCall(entry.callId)).toBeNull();
    });

    it('keeps an event of no call without call and number', async () => {
      await t.append({ callId: null, events: [event('delivery.exhausted')] });
      expect(await t.store.eventsAfter(0, 10)).toEqual([
        expect.objectContaining({ callId: null, sequence: null, type: 'delivery.exhausted' }),
      ]);
    });

    it('shows whoever pages on no later position before an earlier one, while many append', async () => {
      const callIds = await Promise.all(Array.from({ length: 20 }, () => t.openCall()));
      const rounds = 10;
      const writes = callIds.map(async (callId) => {
        for (let round = 0; round < rounds; round++) {
          await t.append({ callId, lease: 1, events: [event('a.b')] });
        }
      });
      const seen: string[] = [];
      for (let position = 0; seen.length < callIds.length * rounds; ) {
        const page = await t.store.eventsAfter(position, 3);
        seen.push(...page.map(({ id }) => id));
        position = page.at(-1)?.position ?? position;
        // A store in this thread reads without giving way, and what is written would never be acknowledged.
        await new Promise(setImmediate);
      }
      await Promise.all(writes);
      expect(new Set(seen).size).toBe(seen.length);
      expect(await t.store.eventsAfter(await t.store.lastPosition(), 1)).toEqual([]);
    });

    it('pages through the events of all calls by position', async () => {
      const callIds = [await t.openCall(), await t.openCall()];
      for (const type of ['a.1', 'a.2', 'a.3']) {
        await t.append(...callIds.map((callId) => ({ callId, lease: 1, events: [event(type)] })));
      }
      const seen: string[] = [];
      let position = 0;
      for (;;) {
        const page = await t.store.eventsAfter(position, 2);
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
            await t.store.append(entries.splice(0, sizes[i % sizes.length]!));
          }
          for (const [index, { id }] of openings.entries()) {
            const kept = steps.filter((step) => step.call === index && !step.refused);
            const bodies = await bodiesOf(t.store, id);
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
      const callId = await t.openCall({ from: '+15550100001' });
      const states: unknown[] = [];
      const step = async (draft: EventDraft) => {
        await t.append({ callId, lease: 1, events: [draft] });
        states.push((await t.store.getCall(callId))?.state);
      };
      await step(event('call.started'));
      await step({ ...event('call.answered'), time: 5_000 });
      await step({ ...event('call.ended', { end_reason: 'silence' }), time: 9_000 });
      await step(event('crm.updated'));
      expect(states).toEqual(['ringing', 'active', 'ended', 'ended']);
      expect(await t.store.getCall(callId)).toMatchObject({
        answeredAt: 5_000,
        endedAt: 9_000,
        endReason: 'silence',
        contact: { id: null, name: null, phone: '+15550100001' },
      });
    });

    it('takes contact, context and usage from facts of the same append', async () => {
      const callId = await t.openCall({ from: '+15550100001' });
      await t.append({
        callId,
        lease: 1,
        events: [event('call.answered')],
        facts: [
          fact('context', { state: 'ready', ms: 120, contact: { id: '42', name: 'Ada' } }),
          fact('usage', { model: 'm', inputTokens: 1 }),
        ],
      });
      const contact = { id: '42', name: 'Ada', phone: '+15550100001' };
      expect(await t.store.getCall(callId)).toMatchObject({
        contact,
        context: 'ready',
        contextMs: 120,
        usage: { inputTokens: 1 },
      });
      expect(await bodiesOf(t.store, callId)).toEqual([expect.objectContaining({ contact })]);
    });

    it('does not go back to older totals when a usage fact is repeated', async () => {
      const callId = await t.openCall();
      const [older, newer] = [fact('usage', { total: 1 }), fact('usage', { total: 2 })];
      for (const usage of [older, newer, older]) {
        await t.append({ callId, lease: 1, facts: [usage] });
      }
      expect((await t.store.getCall(callId))?.usage).toEqual({ total: 2 });
    });

    it('lists calls newest first, page by page', async () => {
      const ids: string[] = [];
      for (let i = 0; i < 5; i++) {
        t.now += 1_000;
        ids.push(await t.openCall({ id: newId('call', t.now), time: t.now }));
      }
      const page = await t.store.listCalls({ limit: 3 });
      const rest = await t.store.listCalls({ limit: 3, before: page.at(-1)!.id });
      expect([...page, ...rest].map(({ id }) => id)).toEqual(ids.reverse());
    });

    it('lists the calls that were placed to a number, and those since a time', async () => {
      const [ada, bo] = ['+15550100021', '+15550100022'];
      const made: string[] = [];
      for (const [direction, to] of [
        ['outbound', ada],
        ['outbound', bo],
        ['inbound', ada],
        ['outbound', ada],
      ] as const) {
        t.now += 1_000;
        const opening = { id: newId('call', t.now), direction, to, time: t.now };
        made.push(await t.openCall(opening));
      }
      const listed = async (query: { dialledTo?: string; since?: number; before?: string }) =>
        (await t.store.listCalls({ limit: 9, ...query })).map(({ id }) => made.indexOf(id));
      expect(await listed({ dialledTo: ada })).toEqual([3, 0]);
      expect(await listed({ dialledTo: ada, since: t.now })).toEqual([3]);
      expect(await listed({ dialledTo: ada, before: made[3]! })).toEqual([0]);
      expect(await listed({ since: t.now - 1_000 })).toEqual([3, 2]);
    });

    it('finds the calls of a room since a time, newest first, ended or not', async () => {
      const open = (room: string) => t.openCall({ id: newId('call', ++t.now), room, time: t.now });
      await open('room-1');
      t.now += 1_000;
      const since = t.now + 1;
      const [ended, other, last] = [
        await open('room-1'),
        await open('room-2'),
        await open('room-1'),
      ];
      await t.append({ callId: ended, lease: 1, events: [endedEvent()] });
      const found = await t.store.callsOfRoom('room-1', since);
      expect(found.map(({ id, state }) => [id, state])).toEqual([
        [last, 'ringing'],
        [ended, 'ended'],
      ]);
      expect((await t.store.callsOfRoom('room-1', 0)).length).toBe(3);
      expect((await t.store.callsOfRoom('room-2', since)).map(({ id }) => id)).toEqual([other]);
      expect(await t.store.callsOfRoom('room', since)).toEqual([]);
      expect(await t.store.callsOfRoom('room-1', t.now + 1)).toEqual([]);
    });

    it('counts the live calls of a number, and no anonymous ones', async () => {
      const from = '+15550100001';
      const ended = await t.openCall({ from });
      await t.openCall({ from });
      await t.openCall({ from: null });
      await t.append({ callId: ended, lease: 1, events: [endedEvent()] });
      expect(await t.store.countLiveCalls(from)).toBe(1);
      expect(await t.store.countLiveCalls(null)).toBe(0);
    });
  });

  describe('the end of a call', () => {
    it('composes call.ended from everything stored of the call', async () => {
      const callId = await t.openCall();
      const note = fact('note', { message: 'x' });
      await t.append({ callId, lease: 1, events: [event('transcript.final')], facts: [note] });
      await t.append({ callId, lease: 1, events: [event('a.b'), endedEvent()] });
      const last = (await bodiesOf(t.store, callId)).at(-1);
      expect(last).toMatchObject({ state: 'ended', seen: ['transcript.final', 'a.b', note.id] });
    });

    it('refuses a second call.ended, but not the repetition of the first', async () => {
      const callId = await t.openCall();
      const first = endedEvent();
      expect(await t.append({ callId, lease: 1, events: [first] })).toEqual(['appended']);
      expect(await t.append({ callId, lease: 1, events: [first] })).toEqual(['appended']);
      expect(await t.store.append([{ callId, lease: 1, events: [endedEvent()] }])).toEqual([
        expect.objectContaining({ status: 'refused', code: 'CALL_ALREADY_ENDED' }),
      ]);
      expect(await t.sequences(callId)).toEqual([1]);
    });

    it('keeps what a spool still held behind the end, marked late, without its own end', async () => {
      const callId = await t.openCall();
      await t.append({ callId, lease: 1, events: [event('call.started'), endedEvent()] });
      const spooled = [event('intent.recorded'), endedEvent()];
      expect(await t.append({ callId, lease: 1, events: spooled, recovered: true })).toEqual([
        'appended',
      ]);
      const bodies = await bodiesOf(t.store, callId);
      expect(bodies.map(({ sequence, late }) => [sequence, late])).toEqual([
        [1, false],
        [2, false],
        [3, true],
      ]);
    });

    it('makes the jobs of the end once', async () => {
      await t.open(null);
      const callId = await t.openCall();
      const end = endedEvent();
      for (let i = 0; i < 2; i++) await t.append({ callId, lease: 1, events: [end] });
      expect((await t.claimAll()).map(({ id, kind }) => [id, kind])).toEqual([
        [`job_end_${callId}`, 'crm_write'],
      ]);
    });
  });
}
