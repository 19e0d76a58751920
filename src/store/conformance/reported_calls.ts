import { describe, expect, it } from 'vitest';
import type { Append } from '../store.ts';
import { callOpening, entryOf, fact } from './drafts.ts';
import { START, type StoreUnderTest } from './store_under_test.ts';

/** Calls that another platform runs: whichever report comes first opens them. */
export function reportedCallConformance(t: StoreUnderTest): void {
  /** A report of the same call, by somebody who does not know whether it is known. */
  const report = (data: Record<string, unknown> = {}, theirs = 'their-1'): Append =>
    entryOf(
      { facts: [fact('report', data)] },
      { reportedBy: { provider: 'glue', callId: theirs }, time: START },
    );

  describe('reported calls', () => {
    it('are opened once, whoever tells of them first, also in one batch', async () => {
      const [first, second, other] = [report(), report(), report({}, 'their-2')];
      expect(await t.store.append([first, second, other])).toEqual([
        { status: 'appended', callId: first.callId },
        { status: 'appended', callId: first.callId },
        { status: 'appended', callId: other.callId },
      ]);
      expect(await t.store.append([report()])).toEqual([
        { status: 'appended', callId: first.callId },
      ]);
      expect(await t.store.getCall(first.callId ?? '')).toMatchObject({
        provider: 'glue',
        providerCallId: 'their-1',
      });
      expect(await t.store.getCall(second.callId ?? '')).toBeNull();
      expect(await t.store.listFacts(first.callId ?? '')).toHaveLength(3);
    });

    it('are the same platform’s only', async () => {
      const one = report();
      const open = callOpening({ reportedBy: { provider: 'other-glue', callId: 'their-1' } });
      const another = { callId: open.id, open, facts: [fact('report', {})] };
      await t.append(one, another);
      expect(await t.store.getCall(another.callId)).toMatchObject({ provider: 'other-glue' });
    });

    it('are followed soon, and before anybody reads them: the row, and events that are not there yet', async () => {
      const first = report({ agent: 'a1' });
      const callId = first.callId ?? '';
      await t.append(first);
      await t.append(report({ agent: 'a2' }));
      expect(await t.store.getCall(callId)).toMatchObject({ agentId: 'a2', sequence: 2 });
      const repeated = { ...report(), facts: first.facts ?? [] };
      await t.append(repeated);
      expect(await t.store.listCallEvents(callId)).toHaveLength(2);
    });

    it('of which a report is refused are as they were', async () => {
      const withEvents = { ...report(), events: [{ ...callEvent(), type: 'call.started' }] };
      const endless = report({}, 'x'.repeat(257));
      expect(await t.store.append([withEvents, endless])).toMatchObject([
        { status: 'refused', code: 'APPEND_INVALID' },
        { status: 'refused', code: 'APPEND_INVALID' },
      ]);
      const good = report();
      expect(await t.store.append([good])).toEqual([{ status: 'appended', callId: good.callId }]);
    });

    it('are followed although nobody reads them, and make their deliveries', async () => {
      const due = new Promise((resolve) => t.store.onJobs(resolve));
      await t.append(report({ agent: 'a1' }), report({ agent: 'a2' }, 'their-2'));
      await due;
      await expect.poll(async () => (await t.store.listCalls({ limit: 10 })).length).toBe(2);
      expect((await t.claimAll()).length).toBeGreaterThan(0);
    });

    it('keep what was told of them where nothing can follow from it', async () => {
      const bad = report({ refuse: true });
      expect(await t.append(bad, report({}, 'their-2'))).toEqual(['appended', 'appended']);
      const facts = await t.store.listFacts(bad.callId ?? '');
      expect(facts.map(({ kind }) => kind)).toEqual(['report', 'note']);
      expect(facts[1]?.data).toMatchObject({ message: 'what follows from a report was refused' });
      expect(await t.store.listCallEvents(bad.callId ?? '')).toEqual([]);
    });

    it('may be redacted as soon as they have been told', async () => {
      const ended = report({ ended: true });
      await t.append(ended);
      expect(await t.store.redactCall(ended.callId ?? '')).toBe(true);
      expect(await t.store.listFacts(ended.callId ?? '')).toMatchObject([{ data: {} }]);
    });

    it('are nobody’s to hold, to count or to sweep', async () => {
      const one = report();
      await t.append(one);
      expect(await t.store.getCall(one.callId ?? '')).not.toBeNull();
      t.now += 24 * 3_600_000;
      expect(await t.store.abandonedCalls(10)).toEqual([]);
      expect(await t.store.takeOver(one.callId ?? '', 1_000)).toBeNull();
      expect(await t.store.countLiveCalls('+15550100001')).toBe(0);
      expect(await t.store.silentCalls(10)).toEqual([one.callId]);
    });
  });
}

function callEvent() {
  return { id: 'evt_made_up' as const, time: START, data: {} };
}
