import { describe, expect, it } from 'vitest';
import { attempt, event, fact, settlement } from './drafts.ts';
import { START, type StoreUnderTest } from './store_under_test.ts';

/** What is deleted, and what stays. */
export function retentionConformance(t: StoreUnderTest): void {
  describe('a redacted call', () => {
    async function endedCall(): Promise<string> {
      const callId = await t.openCall({ metadata: { customer: 'Ada' }, room: 'call-+15550100001' });
      const contact = { id: '42', name: 'Ada' };
      await t.append({
        callId,
        lease: 1,
        events: [event('call.started')],
        facts: [fact('context', { state: 'ready', ms: 1, contact }), fact('note', { who: 'Ada' })],
        jobs: [{ id: 'job_note', kind: 'crm_write', target: 'crm', body: { text: 'Ada' } }],
      });
      const answered = attempt({ response: 'thank you, Ada' });
      const jobs = await t.claimAll();
      await t.store.settleJobs(
        jobs.map((job) => settlement(job, { state: 'exhausted' }, answered)),
      );
      await t.happen(callId, 'call.ended');
      return callId;
    }

    it('holds nothing of persons, and is whole', async () => {
      const callId = await endedCall();
      const before = await t.store.listCallEvents(callId);
      expect(await t.store.redactCall(callId)).toBe(true);
      expect(await t.store.getCall(callId)).toMatchObject({
        state: 'ended',
        from: null,
        to: '',
        room: '',
        metadata: {},
        contact: { id: null, name: null, phone: null },
        endReason: 'caller_hung_up',
      });
      const events = await t.store.listCallEvents(callId);
      const redacted = (one: (typeof before)[number]) => ({
        ...one,
        body: JSON.stringify({ id: one.id, sequence: one.sequence, redacted: true }),
      });
      expect(events).toEqual(before.map(redacted));
      expect((await t.store.listFacts(callId)).map(({ data }) => data)).toEqual([{}, {}]);
      for (const { id } of await t.store.listDeliveries({ limit: 9, callId, state: 'exhausted' })) {
        for (const { response } of await t.store.listAttempts(id)) expect(response).toBeNull();
      }
      expect(await t.store.redactCall(callId)).toBe(true);
    });

    it('sends nothing more, and refuses a replay', async () => {
      const callId = await endedCall();
      const [late] = await t.claimAll(1);
      await t.store.redactCall(callId);
      expect(await t.claimAll()).toEqual([]);
      const append = { callId, events: [event('crm.updated', { note: 'Ada' })] };
      await t.store.settleJobs([{ ...settlement(late!, { state: 'done' }), append }]);
      expect(await t.store.listDeliveries({ limit: 9, callId, state: 'done' })).toEqual([]);
      const refused = { code: 'EVENT_REDACTED', retryable: false };
      await expect(t.store.replayDeliveries({ callId })).rejects.toMatchObject(refused);
      const deliveryId = 'job_note';
      await expect(t.store.replayDeliveries({ deliveryId })).rejects.toMatchObject(refused);
      expect(await t.store.replayDeliveries({ since: 0 })).toEqual([]);
      expect(await t.store.replayDeliveries({ callId: 'call_unknown' })).toEqual([]);
    });

    it('stores what arrives later without it', async () => {
      const callId = await endedCall();
      await t.store.redactCall(callId);
      const deliveries = await t.store.listDeliveries({ limit: 99 });
      const late = {
        callId,
        recovered: true,
        events: [event('intent.recorded', { intent: 'Ada' })],
        facts: [fact('context', { state: 'ready', ms: 1, contact: { id: '42', name: 'Ada' } })],
        jobs: [{ id: 'job_late', kind: 'crm_write' as const, target: 'crm', body: {} }],
      };
      expect(await t.append(late)).toEqual(['appended']);
      expect((await t.store.listCallEvents(callId)).at(-1)).toMatchObject({
        type: 'intent.recorded',
        body: expect.stringContaining('"redacted":true'),
      });
      expect(await t.store.listFacts(callId)).toHaveLength(2);
      expect((await t.store.getCall(callId))?.contact.name).toBeNull();
      expect(await t.store.listDeliveries({ limit: 99 })).toEqual(deliveries);
    });

    it('is one that has ended, and that there is', async () => {
      expect(await t.store.redactCall('call_unknown')).toBe(false);
      expect(await t.store.redactCall(await t.openCall())).toBe(false);
    });
  });

  describe('pruning', () => {
    it('removes what was settled long ago, a piece at a time, and nothing that waits', async () => {
      const callId = await t.openCall();
      await t.happen(callId, 'a.1', 'a.2', 'a.3');
      const jobs = await t.claimAll();
      await t.store.settleJobs(jobs.map((job) => settlement(job, { state: 'done' })));
      await t.happen(callId, 'a.4');
      t.now += 1000;
      await t.happen(callId, 'a.5');
      const [waiting, later] = await t.claimAll();
      await t.store.settleJobs([
        settlement(waiting!, { state: 'retry', at: t.now }),
        settlement(later!, { state: 'exhausted' }),
      ]);
      const query = { before: START + 1000, limit: 2 };
      expect(await t.store.prune(query)).toBe(2);
      expect(await t.store.prune(query)).toBe(1);
      expect(await t.store.prune(query)).toBe(0);
      const left = await t.store.listDeliveries({ limit: 9 });
      expect(left.map(({ eventType, state }) => [eventType, state])).toEqual([
        ['a.5', 'exhausted'],
        ['a.4', 'waiting'],
      ]);
      expect(await t.store.listAttempts(jobs[0]!.id)).toEqual([]);
      expect(await t.store.listAttempts(waiting!.id)).toHaveLength(1);
      expect(await t.store.listCallEvents(callId)).toHaveLength(5);
    });
  });
}
