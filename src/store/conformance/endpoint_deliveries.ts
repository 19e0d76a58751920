import { describe, expect, it } from 'vitest';
import { attempt, event, settlement } from './drafts.ts';
import { START, type StoreUnderTest } from './store_under_test.ts';

const DAY = 24 * 3_600_000;

/** Deliveries to endpoints made by the API: pausing, order, fairness, health. */
export function endpointDeliveryConformance(t: StoreUnderTest): void {
  const failed = (status: number | null) => attempt({ status, error: 'status' });
  const open = async () => {
    await t.open(null);
    return await t.openCall();
  };
  const typesOf = async () => (await t.claimAll()).map((job) => job.event?.type);

  describe('a resting endpoint', () => {
    it.each(['paused', 'disabled'] as const)('keeps its deliveries while %s', async (status) => {
      const callId = await open();
      const [resting, active] = [await t.subscribe(), await t.subscribe()];
      await t.happen(callId, 'a.b');
      await t.store.updateEndpoint(resting, { status });
      await t.happen(callId, 'a.c');
      expect((await t.claimAll()).map(({ target }) => target)).toEqual([active, active]);
      expect(await t.store.nextDueAt()).toBe(START + 60_000);
      let woken = 0;
      t.store.onJobs(() => woken++);
      await t.store.updateEndpoint(resting, { status: 'active' });
      expect(woken).toBe(1);
      expect(await t.store.nextDueAt()).toBe(START);
      expect(await typesOf()).toEqual(['a.b', 'a.c']);
    });

    // Put off by 15 s as it was paused, it was sent 15 s after it had been set active again.
    it('gets what was claimed as it was paused as soon as it is active', async () => {
      const callId = await open();
      const resting = await t.subscribe();
      await t.happen(callId, 'a.b');
      const [job] = await t.claimAll();
      await t.store.updateEndpoint(resting, { status: 'paused' });
      const hold = settlement(job!, { state: 'retry', at: START + 15_000 });
      await t.store.settleJobs([{ ...hold, counts: false }]);
      t.now += 1;
      await t.store.updateEndpoint(resting, { status: 'active' });
      expect(await typesOf()).toEqual(['a.b']);
    });

    // An operator was alarmed by the age of a delivery that waited as it had been told to.
    it.each(['paused', 'disabled'] as const)('is nobody’s alarm while %s', async (status) => {
      const callId = await open();
      const [resting, active] = [await t.subscribe(), await t.subscribe({}, 'a.c')];
      await t.happen(callId, 'a.b');
      await t.store.updateEndpoint(resting, { status });
      expect(await t.store.deliveryBacklog()).toEqual({ waiting: 1, oldestAt: null });
      const told = await t.store.listDeliveries({ limit: 9 });
      expect(told).toMatchObject([{ nextAt: null, waitsFor: `endpoint_${status}` }]);
      expect(await t.store.getDelivery(told[0]!.id)).toEqual(told[0]);

      t.now += 1_000;
      await t.happen(callId, 'a.c');
      expect(await t.store.deliveryBacklog()).toEqual({ waiting: 3, oldestAt: START + 1_000 });
      const [going] = await t.store.listDeliveries({ limit: 9, endpointId: active });
      expect(going).toMatchObject({ nextAt: START + 1_000, waitsFor: null });

      await t.store.updateEndpoint(resting, { status: 'active' });
      expect(await t.store.deliveryBacklog()).toEqual({ waiting: 3, oldestAt: START });
    });
  });

  describe('an ordered endpoint', () => {
    const settle = async (state: 'done' | 'exhausted') => {
      const jobs = await t.claimAll();
      await t.store.settleJobs(jobs.map((job) => settlement(job, { state })));
      return jobs.map((job) => job.event?.type);
    };

    it('gets one event of a call at a time, by its sequence', async () => {
      const callId = await open();
      await t.subscribe({ ordered: true });
      await t.happen(callId, 'a.1', 'a.2', 'a.3');
      const waiting = await t.store.listDeliveries({ limit: 9 });
      const obstacles = waiting.map(({ eventType, waitsFor }) => [eventType, waitsFor]);
      expect(obstacles).toEqual([
        ['a.3', 'earlier_event'],
        ['a.2', 'earlier_event'],
        ['a.1', null],
      ]);
      expect(await typesOf()).toEqual(['a.1']);
      expect(await typesOf()).toEqual([]);
      await t.store.releaseClaims();
      expect(await settle('done')).toEqual(['a.1']);
      expect(await settle('done')).toEqual(['a.2']);
      await t.happen(callId, 'a.4');
      expect(await settle('done')).toEqual(['a.3']);
      expect(await settle('done')).toEqual(['a.4']);
      expect(await settle('done')).toEqual([]);
    });

    it('tells the listeners when one lets the next go, and only then', async () => {
      const callId = await open();
      await t.subscribe({ ordered: true });
      await t.happen(callId, 'a.1', 'a.2');
      let woken = 0;
      t.store.onJobs(() => woken++);
      expect(await settle('done')).toEqual(['a.1']);
      expect(woken).toBe(1);
      expect(await settle('exhausted')).toEqual(['a.2']);
      expect(woken).toBe(1);
    });

    it('waits for the retry of the first, and goes on behind an exhausted one', async () => {
      const callId = await open();
      await t.subscribe({ ordered: true });
      await t.happen(callId, 'a.1', 'a.2');
      const [first] = await t.claimAll();
      const next = { state: 'retry', at: t.now + 5_000 } as const;
      await t.store.settleJobs([settlement(first!, next, failed(503))]);
      expect(await typesOf()).toEqual([]);
      expect(await t.store.nextDueAt()).toBe(START + 5_000);
      t.now += 5_000;
      expect(await settle('exhausted')).toEqual(['a.1']);
      expect(await settle('done')).toEqual(['a.2']);
    });

    it('gets the calls beside each other', async () => {
      const [first, second] = [await open(), await t.openCall()];
      await t.subscribe({ ordered: true });
      for (const callId of [first, second]) await t.happen(callId, 'a.1', 'a.2');
      expect((await t.claimAll()).map(({ callId }) => callId)).toEqual([first, second]);
    });

    it('gets transcripts, which have no sequence, as they come', async () => {
      const callId = await open();
      await t.subscribe({ ordered: true }, '*', 'transcript.final');
      await t.happen(callId, 'a.1', 'transcript.final', 'a.2', 'transcript.final');
      expect(await typesOf()).toEqual(['a.1', 'transcript.final', 'transcript.final']);
    });

    it('leaves another endpoint of the same call alone', async () => {
      const callId = await open();
      await t.subscribe({ ordered: true });
      const free = await t.subscribe();
      await t.happen(callId, 'a.1', 'a.2');
      const targets = (await t.claimAll()).map(({ target }) => target);
      expect(targets.filter((target) => target === free)).toHaveLength(2);
      expect(targets).toHaveLength(3);
    });

    it('may become ordered, and unordered, with deliveries waiting', async () => {
      const callId = await open();
      const id = await t.subscribe();
      await t.happen(callId, 'a.1', 'a.2', 'a.3');
      await t.store.updateEndpoint(id, { ordered: true });
      expect(await settle('done')).toEqual(['a.1']);
      await t.store.updateEndpoint(id, { ordered: false });
      await t.happen(callId, 'a.4');
      const order: unknown[] = [];
      for (let i = 0; i < 3; i++) order.push(...(await settle('done')));
      expect(order.sort()).toEqual(['a.2', 'a.3', 'a.4']);
    });

    it('gets a replayed event before the later ones that still wait', async () => {
      const callId = await open();
      const id = await t.subscribe({ ordered: true });
      await t.happen(callId, 'a.1', 'a.2', 'a.3');
      expect(await settle('exhausted')).toEqual(['a.1']);
      await t.store.replayDeliveries({ endpointId: id, onlyFailed: true });
      expect(await settle('done')).toEqual(['a.1']);
      expect(await settle('done')).toEqual(['a.2']);
      expect(await settle('done')).toEqual(['a.3']);
    });
  });

  describe('room', () => {
    const claim = (limit: number, perTarget = limit) =>
      t.store.claimJobs({
        limit,
        perTarget,
        leaseMs: 60_000,
        failing: { perTarget: 2, total: 3 },
      });
    const counts = (jobs: { target: string }[]) => {
      const byTarget = new Map<string, number>();
      for (const { target } of jobs) byTarget.set(target, (byTarget.get(target) ?? 0) + 1);
      return byTarget;
    };

    it('is dealt out evenly, and what one does not need goes to the others', async () => {
      const callId = await open();
      const [large, small] = [await t.subscribe({}, 'a.b'), await t.subscribe({}, 'a.c')];
      await t.happen(callId, ...Array<string>(20).fill('a.b'), 'a.c');
      expect(counts(await claim(10))).toEqual(
        new Map([
          [large, 9],
          [small, 1],
        ]),
      );
    });

    it('is scarce for endpoints that fail, each and together', async () => {
      const callId = await open();
      const failing = [1, 2, 3].map(() => t.subscribe({ failingSince: t.now }));
      const dead = await Promise.all(failing);
      const alive = await t.subscribe();
      await t.happen(callId, ...Array<string>(9).fill('a.b'));
      const claimed = counts(await claim(30, 16));
      expect(claimed.get(alive)).toBe(9);
      const taken = dead.map((id) => claimed.get(id) ?? 0);
      expect(Math.max(...taken)).toBeLessThanOrEqual(2);
      expect(taken.reduce((sum, count) => sum + count)).toBe(3);
      expect(await claim(30, 16)).toEqual([]);
    });
  });

  describe('health', () => {
    const deliver = async (callId: string, status: number | null, type = 'a.b') => {
      await t.happen(callId, type);
      const jobs = (await t.claimAll()).filter((job) => job.event?.type === type);
      const next = status === 200 ? ({ state: 'done' } as const) : { state: 'exhausted' as const };
      await t.store.settleJobs(jobs.map((job) => settlement(job, next, failed(status))));
    };
    const disabledEvents = async () =>
      (await t.store.eventsAfter(0, 100)).filter(({ type }) => type === 'endpoint.disabled');

    it('is the age of the failure, which a success ends', async () => {
      const callId = await open();
      const id = await t.subscribe();
      await deliver(callId, 503);
      t.now += 4 * DAY;
      await deliver(callId, null);
      expect(await t.store.getEndpoint(id)).toMatchObject({ failingSince: START });
      await deliver(callId, 200);
      expect(await t.store.getEndpoint(id)).toMatchObject({
        failingSince: null,
        lastSuccessAt: t.now,
      });
      t.now += 4 * DAY;
      await deliver(callId, 503);
      t.now += 4 * DAY;
      await deliver(callId, 503);
      expect(await t.store.getEndpoint(id)).toMatchObject({ status: 'active' });
    });

    it('disables what has only failed for 5 days, and says so in the same transaction', async () => {
      const callId = await open();
      const [id, other] = [await t.subscribe(), await t.subscribe({}, 'endpoint.disabled')];
      await deliver(callId, 503);
      t.now += 5 * DAY;
      await deliver(callId, 503);
      expect(await t.store.getEndpoint(id)).toMatchObject({
        status: 'disabled',
        disabledReason: 'failing',
        failingSince: START,
      });
      expect(await disabledEvents()).toMatchObject([{ callId: null, sequence: null }]);
      expect((await t.claimAll()).map(({ target }) => target)).toEqual([other]);
      await t.happen(callId, 'a.b');
      expect(await typesOf()).toEqual([]);
      await t.store.updateEndpoint(id, { status: 'active' });
      expect(await typesOf()).toEqual(['a.b']);
    });

    it('disables what answers 410, at once and once', async () => {
      const callId = await open();
      const id = await t.subscribe();
      await t.happen(callId, 'a.b', 'a.c');
      const jobs = await t.claimAll();
      const next = { state: 'retry', at: t.now } as const;
      await t.store.settleJobs(jobs.map((job) => settlement(job, next, failed(410))));
      expect(await t.store.getEndpoint(id)).toMatchObject({
        status: 'disabled',
        disabledReason: 'gone',
      });
      expect(await disabledEvents()).toHaveLength(1);
    });

    it('is not judged by what tells of delivery, nor by what was not tried', async () => {
      await open();
      const id = await t.subscribe();
      await t.append({
        callId: null,
        events: [event('delivery.exhausted', { endpoint_id: 'whe_x' })],
      });
      await t.store.testEndpoint(id);
      const told = await t.claimAll();
      expect(told).toHaveLength(2);
      const gone = (job: (typeof told)[number]) =>
        settlement(job, { state: 'exhausted' }, failed(410));
      await t.store.settleJobs(told.map(gone));
      const callId = await t.openCall();
      await t.happen(callId, 'a.b');
      const [job] = await t.claimAll();
      const held = settlement(job!, { state: 'retry', at: t.now }, failed(410));
      await t.store.settleJobs([{ ...held, counts: false }]);
      expect(await t.store.getEndpoint(id)).toMatchObject({ status: 'active', failingSince: null });
      expect(await disabledEvents()).toEqual([]);
    });

    it('tells the next attempt how often its signature was refused', async () => {
      const callId = await open();
      await t.subscribe();
      await t.happen(callId, 'a.b');
      const seen: number[] = [];
      for (const status of [401, 503, 403, 400]) {
        const [job] = await t.claimAll();
        seen.push(job!.refusals);
        const next = { state: 'retry', at: t.now } as const;
        await t.store.settleJobs([settlement(job!, next, failed(status))]);
      }
      expect([...seen, (await t.claimAll())[0]?.refusals]).toEqual([0, 1, 1, 2, 3]);
    });
  });

  describe('deliveries of an endpoint', () => {
    it('are paged, and replayed by themselves', async () => {
      const callId = await open();
      const [id, other] = [await t.subscribe(), await t.subscribe()];
      await t.happen(callId, 'a.1', 'a.2', 'a.3');
      const jobs = await t.claimAll();
      await t.store.settleJobs(
        jobs.map((job) =>
          settlement(job, { state: job.event?.type === 'a.2' ? 'exhausted' : 'done' }),
        ),
      );
      const first = await t.store.listDeliveries({ limit: 2, endpointId: id });
      const before = first.at(-1)!.id;
      const rest = await t.store.listDeliveries({ limit: 2, endpointId: id, before });
      expect([...first, ...rest].map(({ eventType }) => eventType)).toEqual(['a.3', 'a.2', 'a.1']);
      expect(await t.store.replayDeliveries({ endpointId: id, onlyFailed: true })).toHaveLength(1);
      expect(await t.store.replayDeliveries({ endpointId: id })).toHaveLength(2);
      expect((await t.claimAll()).every(({ target }) => target === id)).toBe(true);
      expect(await t.store.listDeliveries({ limit: 9, endpointId: other })).toHaveLength(3);
    });

    it('of the default endpoint are found over all its paths', async () => {
      await t.open({ perEvent: true });
      const callId = await t.openCall();
      await t.happen(callId, 'call.started', 'intent.recorded');
      const found = await t.store.listDeliveries({ limit: 9, endpointId: 'whe_default' });
      expect(found).toHaveLength(2);
    });
  });
}
