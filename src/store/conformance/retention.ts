import { describe, expect, it } from 'vitest';
import { attempt, event, fact, recordingOf, settlement } from './drafts.ts';
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

    it('has its recording deleted soon', async () => {
      const callId = await endedCall();
      const deleteAfter = t.now + 1_000;
      await t.append({ callId, recording: recordingOf(callId, { deleteAfter }) });
      await t.store.redactCall(callId);
      const due = await t.store.recordingsToDelete({ now: t.now, limit: 9 });
      expect(due.map((recording) => recording.callId)).toEqual([callId]);
    });

    it('has its recording deleted also where it is still being stored', async () => {
      const callId = await endedCall();
      const body = { startedAt: 1 };
      const job = { id: 'job_rec', kind: 'recording' as const, target: 'recordings', body };
      await t.append({ callId, jobs: [job] });
      await t.store.redactCall(callId);
      const [left, ...more] = await t.claimAll();
      expect([left, more]).toEqual([expect.objectContaining({ id: 'job_rec', body: {} }), []]);
      const append = { callId, recording: recordingOf(callId, { deleteAfter: null }) };
      await t.store.settleJobs([{ ...settlement(left!, { state: 'done' }), append }]);
      const due = await t.store.recordingsToDelete({ now: t.now, limit: 9 });
      expect(due.map((recording) => recording.callId)).toEqual([callId]);
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
    const oldest = { before: START + 1, rows: 1_000, after: null };

    /** A call of three events that ended at `time`; its deliveries wait. */
    async function endedAt(time: number): Promise<string> {
      const callId = await t.openCall();
      const ended = { ...event('call.ended', { end_reason: 'caller_hung_up' }), time };
      await t.append({
        callId,
        events: [event('call.started'), event('transcript.final', { text: 'Hi.' }), ended],
        facts: [fact('note', { message: 'seen' })],
      });
      return callId;
    }

    async function settledCall(time: number): Promise<string> {
      const callId = await endedAt(time);
      const jobs = await t.claimAll();
      const answered = attempt({ response: 'thank you' });
      await t.store.settleJobs(jobs.map((job) => settlement(job, { state: 'done' }, answered)));
      return callId;
    }

    it('removes whole calls, oldest first, a step at a time', async () => {
      const [third, first, second] = [
        await settledCall(START + 3),
        await settledCall(START + 1),
        await settledCall(START + 2),
      ];
      const [delivery] = await t.store.listDeliveries({ limit: 1, callId: first });
      const query = { what: 'calls' as const, before: START + 3, rows: 1 };
      const one = await t.store.prune({ ...query, after: null });
      expect(one).toEqual({ removed: 1, kept: 0, next: { time: START + 1, id: first } });
      expect(await t.store.getCall(first)).toBeNull();
      expect(await t.store.listCallEvents(first)).toEqual([]);
      expect(await t.store.listFacts(first)).toEqual([]);
      expect(await t.store.listDeliveries({ limit: 9, callId: first })).toEqual([]);
      expect(await t.store.listAttempts(delivery!.id)).toEqual([]);

      const two = await t.store.prune({ ...query, after: one.next });
      expect(two).toMatchObject({ removed: 1, next: { id: second } });
      expect(await t.store.prune({ ...query, after: two.next })).toEqual({
        removed: 0,
        kept: 0,
        next: null,
      });
      expect(await t.store.listCallEvents(third)).toHaveLength(3);
      const positions = (await t.store.eventsAfter(0, 99)).map(({ callId }) => callId);
      expect(positions).toEqual([third, third, third]);
    });

    it('keeps a call that goes on, and one of which something waits, and goes on behind it', async () => {
      const live = await t.openCall();
      const waiting = await settledCall(START - 2);
      const settled = await settledCall(START - 1);
      await t.store.replayDeliveries({ callId: waiting });
      const query = { what: 'calls' as const, ...oldest };
      expect(await t.store.prune(query)).toEqual({ removed: 1, kept: 1, next: null });
      expect(await t.store.getCall(settled)).toBeNull();
      expect(await t.store.listCallEvents(waiting)).toHaveLength(3);
      expect(await t.store.getCall(live)).not.toBeNull();

      const jobs = await t.claimAll();
      await t.store.settleJobs(jobs.map((job) => settlement(job, { state: 'exhausted' })));
      expect(await t.store.prune(query)).toMatchObject({ removed: 1, kept: 0 });
    });

    it('lets a recording go first', async () => {
      const callId = await settledCall(START - 1);
      await t.append({ callId, recording: recordingOf(callId) });
      const query = { what: 'calls' as const, ...oldest };
      expect(await t.store.prune(query)).toMatchObject({ removed: 0, kept: 1 });
      const due = await t.store.recordingsToDelete({ now: oldest.before, limit: 9 });
      expect(due.map((recording) => recording.callId)).toEqual([callId]);
      await t.store.recordingDeleted(callId);
      expect(await t.store.prune(query)).toMatchObject({ removed: 1, kept: 0 });
      expect(await t.store.getRecording(callId)).toBeNull();
    });

    it('looks at so many in one step only, whatever they are', async () => {
      for (let n = 0; n < 101; n++) await endedAt(START - 1);
      const first = await t.store.prune({ what: 'calls', ...oldest });
      expect(first).toMatchObject({ removed: 0, kept: 100 });
      const rest = await t.store.prune({ what: 'calls', ...oldest, after: first.next });
      expect(rest).toEqual({ removed: 0, kept: 1, next: null });
    });

    it('removes what belongs to no call by its own time', async () => {
      const endpoint = await t.subscribe();
      const tested = await t.store.testEndpoint(endpoint);
      const lost = { ...event('delivery.exhausted'), time: START - 1 };
      const waits = { ...event('endpoint.disabled'), time: START - 1 };
      await t.append({ callId: null, events: [lost] });
      const jobs = await t.claimAll();
      await t.store.settleJobs(jobs.map((job) => settlement(job, { state: 'done' })));
      await t.append({ callId: null, events: [waits] });
      const query = { what: 'events_of_no_call' as const, ...oldest };
      expect(await t.store.prune({ ...query, before: START })).toEqual({
        removed: 1,
        kept: 1,
        next: null,
      });
      expect((await t.store.eventsAfter(0, 9)).map(({ id }) => id)).not.toContain(lost.id);
      expect(await t.store.getDelivery(tested!)).not.toBeNull();
      expect(await t.store.prune(query)).toMatchObject({ removed: 1 });
      expect(await t.store.getDelivery(tested!)).toBeNull();
    });
  });
}
