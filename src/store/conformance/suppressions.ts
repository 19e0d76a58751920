import { describe, expect, it } from 'vitest';
import { endedEvent, suppression } from './drafts.ts';
import type { StoreUnderTest } from './store_under_test.ts';

/** Numbers that are never dialled. */
export function suppressionConformance(t: StoreUnderTest): void {
  describe('suppressions', () => {
    it('keeps the first word on a number', async () => {
      const first = suppression({ reason: 'asked us to stop' });
      expect(await t.store.addSuppression(first)).toEqual({ suppression: first, created: true });
      const again = suppression({ source: 'import' });
      expect(await t.store.addSuppression(again)).toEqual({ suppression: first, created: false });
      expect(await t.store.getSuppression(first.id)).toEqual(first);
      expect(await t.store.getSuppression(first.phone)).toEqual(first);
      expect(await t.store.getSuppression('+15550100000')).toBeNull();
    });

    it('imports, lists newest first, and deletes by id or phone', async () => {
      const list = [1, 2, 3].map((n) =>
        suppression({ phone: `+1555010010${n}`, source: 'import' }),
      );
      expect(await t.store.importSuppressions(list)).toEqual({ created: 3, known: 0 });
      expect(await t.store.importSuppressions(list)).toEqual({ created: 0, known: 3 });
      const [newest] = await t.store.listSuppressions({ limit: 1 });
      const rest = await t.store.listSuppressions({ limit: 10, before: newest?.id ?? '' });
      expect(rest).toHaveLength(2);
      expect(await t.store.deleteSuppression(list[0]?.id ?? '')).toBe(true);
      expect(await t.store.deleteSuppression(list[1]?.phone ?? '')).toBe(true);
      expect(await t.store.deleteSuppression('+15550100101')).toBe(false);
      expect(await t.store.listSuppressions({ limit: 10 })).toEqual([list[2]]);
    });

    it('takes one that a call has taught with its append', async () => {
      const callId = await t.openCall();
      const taught = suppression({ source: 'outcome', callId });
      await t.append({ callId, lease: 1, events: [endedEvent()], suppressions: [taught] });
      expect(await t.store.getSuppression(taught.phone)).toEqual(taught);
    });
  });
}
