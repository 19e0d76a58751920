import { describe, expect, it } from 'vitest';
import { newId } from '../../ids.ts';
import { attempt, event, refusing, settlement } from './drafts.ts';
import { START, type StoreUnderTest } from './store_under_test.ts';

/** Jobs and the deliveries among them. */
export function jobConformance(t: StoreUnderTest): void {
  describe('jobs', () => {
    async function crmJobs(target: string, count: number): Promise<string[]> {
      const ids = Array.from({ length: count }, () => newId('job'));
      await t.append({
        callId: null,
        jobs: ids.map((id) => ({ id, kind: 'crm_write', target, body: { of: target } })),
      });
      return ids;
    }

    it('delivers each event to the default endpoint, with the stored bytes', async () => {
      const callId = await t.openCall();
      const [started, said] = [event('call.started'), event('transcript.final')];
      await t.append({ callId, lease: 1, events: [started, said] });
      const [stored] = await t.store.listCallEvents(callId);
      expect(await t.claimAll()).toEqual([
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
      await t.open({ perEvent: true });
      const callId = await t.openCall();
      await t.append({
        callId,
        lease: 1,
        events: [event('call.started'), event('intent.recorded')],
      });
      const targets = (await t.claimAll()).map(({ target }) => target);
      expect(targets).toEqual(['whe_default:call', 'whe_default:intent']);
    });

    it('delivers nothing while no endpoint is configured', async () => {
      await t.open(null);
      const callId = await t.openCall();
      await t.append({ callId, lease: 1, events: [event('call.started')] });
      expect(await t.claimAll()).toEqual([]);
    });

    it('tells its listeners of new jobs, and nothing more once they unsubscribed', async () => {
      let wakeUps = 0;
      const { promise, resolve } = Promise.withResolvers<void>();
      const unsubscribe = t.store.onJobs(() => {
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
      const claims = await Promise.all([1, 2, 3].map(() => t.claimAll()));
      expect(claims.flat().map((job) => job.id)).toEqual([id]);
      expect(await t.claimAll()).toEqual([]);
      t.now += 60_000;
      const [again] = await t.claimAll();
      expect(again).toMatchObject({ id, attempt: 1 });
      expect(again?.claimId).not.toBe(claims.flat()[0]?.claimId);
    });

    it('holds a busy target to its limit and serves the others', async () => {
      const dead = await crmJobs('dead', 20);
      t.now += 1;
      const alive = await crmJobs('alive', 2);
      const query = { limit: 10, perTarget: 3, leaseMs: 60_000 };
      const first = await t.store.claimJobs(query);
      expect(first.map(({ id }) => id)).toEqual([...dead.slice(0, 3), ...alive]);
      expect(await t.store.claimJobs(query)).toEqual([]);
      await t.store.settleJobs([settlement(first[0]!, { state: 'done' })]);
      expect((await t.store.claimJobs(query)).map(({ id }) => id)).toEqual([dead[3]]);
    });

    it('never claims more than the limit', async () => {
      await crmJobs('a', 5);
      await crmJobs('b', 5);
      expect(await t.store.claimJobs({ limit: 7, perTarget: 5, leaseMs: 1 })).toHaveLength(7);
    });

    it('tries again when it is time, and counts the attempts', async () => {
      await crmJobs('crm', 1);
      const [job] = await t.claimAll();
      const failed = attempt({ status: 503, error: 'status' });
      await t.store.settleJobs([settlement(job!, { state: 'retry', at: t.now + 2_000 }, failed)]);
      expect(await t.store.nextDueAt()).toBe(START + 2_000);
      expect(await t.claimAll()).toEqual([]);
      t.now += 2_000;
      const [again] = await t.claimAll();
      expect(again?.attempt).toBe(2);
      await t.store.settleJobs([settlement(again!, { state: 'done' })]);
      expect(await t.store.nextDueAt()).toBeNull();
      expect(await t.store.listAttempts(job!.id)).toEqual([failed, attempt()]);
      expect(await t.store.listDeliveries({ limit: 10 })).toEqual([
        expect.objectContaining({ id: job!.id, state: 'done', attempts: 2, lastStatus: 200 }),
      ]);
    });

    it('recalls what was put off before the clock was set back, and nothing that waits rightly', async () => {
      const longestWaitMs = 40 * 3_600_000;
      const recall = () => t.store.recallJobs({ longestWaitMs });
      const [lost] = await crmJobs('a', 1);
      const [, claimed] = await crmJobs('b', 2);
      for (const job of (await t.claimAll()).filter(({ id }) => id !== claimed)) {
        await t.store.settleJobs([settlement(job, { state: 'retry', at: t.now + 2_000 })]);
      }
      t.now -= 365 * 86_400_000;
      const [right] = await crmJobs('a', 1);
      const [job] = await t.claimAll();
      expect(job).toMatchObject({ id: right });
      const later = { state: 'retry' as const, at: t.now + longestWaitMs };
      await t.store.settleJobs([settlement(job!, later)]);
      expect(await t.claimAll()).toEqual([]);
      expect(await recall()).toBe(3);
      expect(await recall()).toBe(0);
      const due = (await t.claimAll()).map(({ id }) => id);
      expect(due).toHaveLength(3);
      expect(due).toEqual(expect.arrayContaining([lost, claimed]));
    });

    it('does not count what was not tried', async () => {
      await crmJobs('crm', 1);
      const [job] = await t.claimAll();
      const untried = settlement(job!, { state: 'retry', at: t.now + 1_000 });
      await t.store.settleJobs([{ ...untried, counts: false }]);
      t.now += 1_000;
      expect(await t.claimAll()).toEqual([expect.objectContaining({ attempt: 1 })]);
      expect(await t.store.listAttempts(job!.id)).toEqual([]);
    });

    it('believes only the claim that holds the job', async () => {
      await crmJobs('crm', 1);
      const [overslept] = await t.claimAll();
      t.now += 60_000;
      const [current] = await t.claimAll();
      const append = { callId: null, events: [event('delivery.exhausted')] };
      await t.store.settleJobs([{ ...settlement(overslept!, { state: 'exhausted' }), append }]);
      expect(await t.store.listAttempts(overslept!.id)).toEqual([]);
      expect(await t.store.eventsAfter(0, 10)).toEqual([]);
      await t.store.settleJobs([settlement(current!, { state: 'done' })]);
      expect(await t.store.listDeliveries({ limit: 1, state: 'done' })).toHaveLength(1);
    });

    it('believes each claim of a batch for itself', async () => {
      const ids = await crmJobs('crm', 3);
      const overslept = await t.claimAll();
      t.now += 60_000;
      const current = (await t.store.claimJobs({ limit: 2, perTarget: 2, leaseMs: 60_000 })).slice(
        0,
        1,
      );
      const failed = attempt({ status: 503, error: 'status', response: 'later' });
      await t.store.settleJobs([
        settlement(overslept[0]!, { state: 'done' }, attempt({ response: 'not believed' })),
        settlement(current[0]!, { state: 'done' }, attempt({ response: 'believed' })),
        settlement(overslept[2]!, { state: 'retry', at: t.now + 5 }, failed),
        settlement({ ...overslept[1]!, id: 'job_unknown' }, { state: 'done' }),
      ]);
      const recorded = await Promise.all(ids.map((id) => t.store.listAttempts(id)));
      expect(recorded.map((attempts) => attempts.map(({ response }) => response))).toEqual([
        ['believed'],
        [],
        ['later'],
      ]);
      const done = await t.store.listDeliveries({ limit: 10, state: 'done' });
      expect(done.map(({ id, attempts }) => [id, attempts])).toEqual([[ids[0], 1]]);
      await t.store.settleJobs([]);
    });

    it('writes the append of a result with the result, or neither', async () => {
      const callId = await t.openCall();
      await crmJobs('crm', 1);
      const [job] = await t.claimAll();
      const done = settlement(job!, { state: 'done' });
      const refusedAppend = { callId, events: [refusing()] };
      await expect(t.store.settleJobs([{ ...done, append: refusedAppend }])).rejects.toMatchObject({
        code: 'STORE_APPEND_REFUSED',
        retryable: false,
      });
      expect(await t.store.listAttempts(job!.id)).toEqual([]);
      await t.store.settleJobs([{ ...done, append: { callId, events: [event('crm.updated')] } }]);
      expect(await t.sequences(callId)).toEqual([1]);
      expect(await t.store.listAttempts(job!.id)).toHaveLength(1);
    });

    it('keeps 4 KB of an answer', async () => {
      await crmJobs('crm', 1);
      const [job] = await t.claimAll();
      const long = attempt({ response: `${'x'.repeat(4095)}é and more` });
      await t.store.settleJobs([settlement(job!, { state: 'done' }, long)]);
      expect((await t.store.listAttempts(job!.id))[0]?.response).toBe('x'.repeat(4095));
    });

    it('frees the claims of a dead process at once', async () => {
      const ids = await crmJobs('crm', 3);
      await t.claimAll();
      await t.store.releaseClaims();
      expect((await t.claimAll()).map(({ id }) => id).sort()).toEqual([...ids].sort());
    });
  });

  describe('deliveries', () => {
    async function settleAll(state: 'done' | 'exhausted'): Promise<void> {
      const jobs = await t.claimAll();
      await t.store.settleJobs(jobs.map((job) => settlement(job, { state })));
    }

    it('can be found by call and by state', async () => {
      const [first, second] = [await t.openCall(), await t.openCall()];
      await t.append({ callId: first, lease: 1, events: [event('a.b')] });
      await settleAll('exhausted');
      await t.append({ callId: second, lease: 1, events: [event('a.b')] });
      const byCall = await t.store.listDeliveries({ limit: 10, callId: second });
      expect(byCall).toEqual([expect.objectContaining({ callId: second, state: 'waiting' })]);
      const failed = await t.store.listDeliveries({ limit: 10, state: 'exhausted' });
      expect(failed).toEqual([expect.objectContaining({ callId: first, eventType: 'a.b' })]);
    });

    it('are replayed as new ones of the same event', async () => {
      const callId = await t.openCall();
      await t.append({ callId, lease: 1, events: [event('a.b')] });
      await settleAll('exhausted');
      const [old] = await t.store.listDeliveries({ limit: 1 });
      const [id] = await t.store.replayDeliveries({ deliveryId: old!.id });
      const [job] = await t.claimAll();
      expect(job).toMatchObject({ id, attempt: 1, target: old!.target });
      expect(job?.event?.id).toBe(old!.eventId);
      expect(id).not.toBe(old!.id);
    });

    it('are not replayed twice while the replay is on its way', async () => {
      const callId = await t.openCall();
      await t.append({ callId, lease: 1, events: [event('a.b'), event('a.c')] });
      await settleAll('exhausted');
      expect(await t.store.replayDeliveries({ onlyFailed: true })).toHaveLength(2);
      expect(await t.store.replayDeliveries({ onlyFailed: true })).toHaveLength(0);
      await settleAll('done');
      expect(await t.store.replayDeliveries({ onlyFailed: true })).toHaveLength(0);
      expect(await t.store.replayDeliveries({ callId })).toHaveLength(2);
    });

    it('say what their replays came to, so that nobody takes them for lost', async () => {
      const callId = await t.openCall();
      await t.append({ callId, lease: 1, events: [event('a.b')] });
      await settleAll('exhausted');
      const [first] = await t.store.listDeliveries({ limit: 1 });
      expect(first).toMatchObject({ replay: null });
      const [second] = await t.store.replayDeliveries({ onlyFailed: true });
      await settleAll('exhausted');
      const [third] = await t.store.replayDeliveries({ onlyFailed: true });
      const replay = { id: third, state: 'waiting' };
      expect(await t.store.getDelivery(first!.id)).toMatchObject({ state: 'exhausted', replay });
      await settleAll('done');
      expect(await t.store.replayDeliveries({ onlyFailed: true })).toEqual([]);
      const listed = await t.store.listDeliveries({ limit: 9 });
      expect(listed.map(({ id, state, replay }) => ({ id, state, replay }))).toEqual([
        { id: third, state: 'done', replay: null },
        { id: second, state: 'exhausted', replay: { id: third, state: 'done' } },
        { id: first!.id, state: 'exhausted', replay: { id: third, state: 'done' } },
      ]);
    });

    it('are replayed since a time', async () => {
      const callId = await t.openCall();
      await t.append({ callId, lease: 1, events: [event('a.b')] });
      t.now += 1_000;
      await t.append({ callId, lease: 1, events: [event('a.c')] });
      await settleAll('done');
      expect(await t.store.replayDeliveries({ since: t.now })).toHaveLength(1);
    });
  });
}
