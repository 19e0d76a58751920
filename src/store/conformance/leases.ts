import { describe, expect, it } from 'vitest';
import { endedEvent, event } from './drafts.ts';
import type { StoreUnderTest } from './store_under_test.ts';

/** Who holds a call. */
export function leaseConformance(t: StoreUnderTest): void {
  describe('leases', () => {
    it('fences a holder from the moment somebody else has taken the call over', async () => {
      const callId = await t.openCall();
      t.now += 60_000;
      expect(await t.append({ callId, lease: 1, events: [event('a.b')] })).toEqual(['appended']);
      expect(await t.store.takeOver(callId, 30_000)).toMatchObject({ lease: 2 });
      expect(await t.append({ callId, lease: 1, events: [event('a.b')] })).toEqual(['fenced']);
      expect(await t.append({ callId, lease: 2, events: [event('a.b')] })).toEqual(['appended']);
      expect(await t.append({ callId, events: [event('crm.updated')] })).toEqual(['appended']);
      expect(await t.sequences(callId)).toEqual([1, 2, 3]);
    });

    it('gives an abandoned call to one taker only', async () => {
      const callId = await t.openCall();
      expect(await t.store.takeOver(callId, 30_000)).toBeNull();
      expect(await t.store.abandonedCalls(10)).toEqual([]);
      await t.store.expireLeases([{ callId, lease: 1 }]);
      expect((await t.store.abandonedCalls(10)).map(({ id }) => id)).toEqual([callId]);
      const takers = await Promise.all([1, 2, 3].map(() => t.store.takeOver(callId, 30_000)));
      expect(takers.filter((taken) => taken !== null)).toHaveLength(1);
      expect(await t.store.abandonedCalls(10)).toEqual([]);
    });

    it('renews what is still held and names what is lost', async () => {
      const [kept, lost] = [await t.openCall(), await t.openCall()];
      await t.store.expireLeases([{ callId: lost, lease: 1 }]);
      await t.store.takeOver(lost, 30_000);
      const held = [kept, lost].map((callId) => ({ callId, lease: 1 }));
      expect(await t.store.renewLeases(held, 90_000)).toEqual([{ callId: lost, lease: 1 }]);
      expect(await t.store.renewLeases([{ callId: 'call_unknown', lease: 1 }], 90_000)).toEqual([]);
      t.now += 60_000;
      expect((await t.store.abandonedCalls(10)).map(({ id }) => id)).toEqual([lost]);
    });

    it('pulls back what a clock that was set back has left in the future', async () => {
      const dead = await t.openCall();
      t.now -= 3 * 3_600_000;
      const live = await t.openCall();
      expect(await t.store.renewLeases([{ callId: live, lease: 1 }], 30_000)).toEqual([]);
      t.now += 29_000;
      await t.store.renewLeases([{ callId: live, lease: 1 }], 30_000);
      expect(await t.store.abandonedCalls(10)).toEqual([]);
      t.now += 1_000;
      expect((await t.store.abandonedCalls(10)).map(({ id }) => id)).toEqual([dead]);
    });

    it('names the leases of the calls that have not ended, alive or run out', async () => {
      const [alive, dead, ended] = [await t.openCall(), await t.openCall(), await t.openCall()];
      await t.store.expireLeases([{ callId: dead, lease: 1 }]);
      await t.append({ callId: ended, lease: 1, events: [endedEvent()] });
      const held = await t.store.heldLeases();
      expect(held.map(({ callId }) => callId).sort()).toEqual([alive, dead].sort());
      expect(held.map(({ lease }) => lease)).toEqual([1, 1]);
    });

    it('does not offer an ended call', async () => {
      const callId = await t.openCall();
      await t.append({ callId, lease: 1, events: [endedEvent()] });
      t.now += 60_000;
      expect(await t.store.abandonedCalls(10)).toEqual([]);
      expect(await t.store.takeOver(callId, 30_000)).toBeNull();
    });
  });
}
