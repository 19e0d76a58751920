import { describe, expect, it } from 'vitest';
import { endpoint, event, trigger } from './drafts.ts';
import type { StoreUnderTest } from './store_under_test.ts';

/** Which endpoints get an event. */
export function fanOutConformance(t: StoreUnderTest): void {
  describe('fan-out', () => {
    const told = async (endpointId: string) =>
      (await t.store.listDeliveries({ limit: 100, endpointId }))
        .map(({ eventType }) => eventType)
        .reverse();

    it('takes a trigger on * for everything but transcripts, which are taken by name', async () => {
      const all = await t.subscribe({}, '*');
      const some = await t.subscribe({}, 'call.ended', 'transcript.final');
      const none = endpoint();
      await t.store.createEndpoint(none);
      const callId = await t.openCall();
      await t.happen(callId, 'call.started', 'transcript.final', 'call.ended');
      expect(await told(all)).toEqual(['call.started', 'call.ended']);
      expect(await told(some)).toEqual(['transcript.final', 'call.ended']);
      expect(await told(none.id)).toEqual([]);
      expect(await told('whe_default')).toEqual(['call.started', 'call.ended']);
    });

    it('delivers once to an endpoint, however many of its triggers match', async () => {
      const id = await t.subscribe({}, '*', 'a.b', 'a.b', { eventType: 'a.b', conditions: {} });
      await t.happen(await t.openCall(), 'a.b');
      expect(await told(id)).toEqual(['a.b']);
    });

    it.each([
      ['one of the values', { outcome: ['INTERESTED', 'CALLBACK'] }, true],
      ['none of the values', { outcome: ['CALLBACK'] }, false],
      ['a number by its text', { score: ['7'] }, true],
      ['a boolean by its text', { paid: ['true'] }, true],
      ['all fields at once', { outcome: ['INTERESTED'], score: ['8'] }, false],
      ['a field of every event', { direction: ['inbound'] }, true],
      ['a field that is not there', { missing: ['undefined'] }, false],
      ['a null', { nothing: ['null'] }, false],
      ['an object', { details: ['[object Object]'] }, false],
      ['what every object has', { constructor: ['function Object() { [native code] }'] }, false],
      ['no value at all', { outcome: [] }, false],
    ])('judges conditions by the data of the event: %s', async (_, conditions, expected) => {
      const id = await t.subscribe({}, { eventType: 'a.b', conditions });
      const callId = await t.openCall();
      const data = { outcome: 'INTERESTED', score: 7, paid: true, nothing: null, details: {} };
      await t.append({ callId, lease: 1, events: [event('a.b', data)] });
      expect(await told(id)).toEqual(expected ? ['a.b'] : []);
    });

    it('counts from the append after the trigger, to the one before its end', async () => {
      const made = endpoint();
      await t.store.createEndpoint(made);
      const callId = await t.openCall();
      await t.happen(callId, 'a.before');
      const one = trigger({ endpointId: made.id });
      expect(await t.store.createTrigger(one)).toBe('created');
      await t.happen(callId, 'a.during');
      expect(await t.store.deleteTrigger(one.id)).toBe(true);
      expect(await t.store.deleteTrigger(one.id)).toBe(false);
      await t.happen(callId, 'a.after');
      expect(await told(made.id)).toEqual(['a.during']);
    });

    it('never tells an endpoint what speaks of it', async () => {
      const [first, second] = [await t.subscribe(), await t.subscribe({}, 'delivery.exhausted')];
      const about = (id: string) => event('delivery.exhausted', { endpoint_id: id });
      await t.append({ callId: null, events: [about(first), about(second), about('whe_default')] });
      const ids = async (id: string) =>
        (await t.store.listDeliveries({ limit: 9, endpointId: id })).length;
      expect([await ids(first), await ids(second), await ids('whe_default')]).toEqual([2, 2, 2]);
    });

    it('leaves no delivery of an event that was refused', async () => {
      const id = await t.subscribe();
      const callId = await t.openCall();
      const events = [event('a.b'), event('a.c', { refuse: true })];
      expect(await t.append({ callId, lease: 1, events })).toEqual(['refused']);
      expect(await told(id)).toEqual([]);
    });

    it('tells of a test to the tested endpoint alone', async () => {
      const [tested, other] = [await t.subscribe({}, 'a.b'), await t.subscribe()];
      const delivery = await t.store.testEndpoint(tested);
      expect(await t.store.listDeliveries({ limit: 9 })).toEqual([
        expect.objectContaining({ id: delivery, target: tested, eventType: 'webhook.test' }),
      ]);
      expect(await told(other)).toEqual([]);
      expect(await t.store.testEndpoint('whe_unknown')).toBeNull();
      const [job] = await t.claimAll();
      expect(job).toMatchObject({ id: delivery, callId: null, event: { type: 'webhook.test' } });
    });
  });
}
