import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CrmBackend } from '../../sim/crm/crm_backend.ts';
import { CallwireError } from '../errors.ts';
import { createDefaultEndpoint } from './default_endpoint.ts';
import type { AttemptOutcome, JobHandler } from './job_handler.ts';
import { DeliveryLoop, type DeliveryLoopOptions } from './loop.ts';
import { createRetrySchedule } from './retry_schedule.ts';
import { MemoryJobs } from './testing/memory_jobs.ts';
import { WebhookHandler } from './webhook_handler.ts';

const SECRET = 'made-up-secret';

let store: MemoryJobs;
let backend: CrmBackend;
let secret: string | null;
let webhooks: WebhookHandler;
let loop: DeliveryLoop | undefined;
let lines: Record<string, unknown>[];

beforeEach(async () => {
  store = new MemoryJobs();
  backend = new CrmBackend({ secret: SECRET });
  const { url } = await backend.start();
  secret = SECRET;
  lines = [];
  const endpoint = createDefaultEndpoint(() => ({
    url: `${url}/webhooks`,
    perEvent: true,
    secret,
  }));
  webhooks = new WebhookHandler({
    endpoints: (id) => (id === endpoint.id ? endpoint : null),
    deadlineMs: 5000,
    holdMs: 20,
  });
});
afterEach(async () => {
  await loop?.stop({ deadlineMs: 0 });
  loop = undefined;
  await webhooks.close();
  await backend.stop();
});

const log = () =>
  pino({ level: 'debug' }, { write: (line: string) => void lines.push(JSON.parse(line)) });

function startLoop(options: Partial<DeliveryLoopOptions> = {}): DeliveryLoop {
  loop = new DeliveryLoop({
    store,
    handlers: [webhooks],
    schedule: createRetrySchedule({ steps: [20, 40, 80] }),
    log: log(),
    pollMs: 50,
    ...options,
  });
  loop.start();
  return loop;
}

const states = () => [...store.jobs.values()].map(({ state }) => state);
const settled = () =>
  expect.poll(() => states().every((state) => state !== 'waiting'), { timeout: 10_000 }).toBe(true);

/** A handler of webhook jobs that does what a test says. */
const scripted = (
  attempt: JobHandler['attempt'],
  result: JobHandler['result'] = () => null,
): JobHandler => ({ kind: 'webhook', attempt, result });

const outcome = (verdict: AttemptOutcome['verdict']): AttemptOutcome => ({
  attempt: { at: 0, durationMs: 0, status: null, error: null, response: null },
  verdict,
});

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));

describe('the delivery loop', () => {
  it('is not woken by what is due long after it looks again anyway', async () => {
    // A hundred scheduled calls a second made it claim nothing as often, in the way of their appends.
    startLoop({ pollMs: 60_000 });
    await expect.poll(() => store.claims).toBe(1);
    store.announce(Date.now() + 86_400_000);
    // Longer than it gathers before it claims.
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(store.claims).toBe(1);
    store.add({});
    await settled();
  });

  it('delivers what was there at the start and what comes later', async () => {
    store.add({});
    startLoop({ pollMs: 60_000 });
    await settled();
    store.add({}, {});
    await settled();
    expect(states()).toEqual(['done', 'done', 'done']);
    expect(backend.received).toHaveLength(3);
  });

  it('writes one line per attempt, without bodies', async () => {
    backend.behave('webhooks', { mode: 'status', status: 500, times: 1 });
    const [added] = store.add({});
    startLoop();
    await settled();
    const attempts = lines.filter(({ msg }) => msg === 'delivery attempt');
    expect(attempts).toMatchObject([
      { level: 40, job: added?.job.id, attempt: 1, status: 500, verdict: 'retry', next: 'retry' },
      { level: 30, job: added?.job.id, attempt: 2, status: 200, verdict: 'success', next: 'done' },
    ]);
    expect(JSON.stringify(lines)).not.toContain('Grüße');
  });

  it('tries again until the backend takes it, under the same delivery id', async () => {
    backend.behave('webhooks', { mode: 'status', status: 500, times: 2 });
    const [added] = store.add({});
    startLoop();
    await settled();
    expect(added?.attempts.map(({ status }) => status)).toEqual([500, 500, 200]);
    expect(backend.received.map(({ deliveryId }) => deliveryId)).toEqual([added?.job.id]);
  });

  it('delivers everything once a backend that was gone is back', async () => {
    await backend.stop();
    store.add({}, {}, {});
    startLoop({ schedule: createRetrySchedule({ steps: Array(200).fill(20) }) });
    await expect
      .poll(() => lines.filter(({ error }) => error === 'connection_refused').length)
      .toBeGreaterThanOrEqual(3);
    await backend.start();
    await settled();
    expect(new Set(backend.received.map(({ deliveryId }) => deliveryId)).size).toBe(3);
  });

  it('waits as long as Retry-After says, within twice the step', async () => {
    const headers = { 'Retry-After': '3600' };
    backend.behave('webhooks', { mode: 'status', status: 503, headers });
    const [added] = store.add({});
    const before = Date.now();
    startLoop({ schedule: createRetrySchedule({ steps: [1_000_000] }) });
    await expect.poll(() => added?.attempts.length).toBe(1);
    expect(added?.dueAt).toBeGreaterThanOrEqual(before + 2_000_000);
    expect(added?.dueAt).toBeLessThanOrEqual(Date.now() + 2_000_000);
  });

  it('tells the ledger of a delivery that it gave up, once and in the settlement', async () => {
    backend.behave('webhooks', { mode: 'status', status: 500 });
    const [added] = store.add({});
    startLoop();
    await settled();
    expect(states()).toEqual(['exhausted']);
    expect(added?.attempts).toHaveLength(4);
    expect(store.appended).toMatchObject([
      {
        callId: null,
        events: [
          {
            type: 'delivery.exhausted',
            data: { delivery_id: added?.job.id, attempts: 4, last_status: 500 },
          },
        ],
      },
    ]);
  });

  it('holds deliveries without a secret, uncounted, and sends them when it appears', async () => {
    secret = null;
    const [added] = store.add({});
    startLoop();
    const holds = () => lines.filter(({ verdict }) => verdict === 'hold').length;
    await expect.poll(holds).toBeGreaterThan(2);
    expect(backend.requests).toEqual([]);
    secret = SECRET;
    await settled();
    expect(added?.attempts.map(({ status }) => status)).toEqual([200]);
  });

  it('gives a final verdict no second attempt', async () => {
    const [added] = store.add({ target: 'whe_unknown' });
    startLoop();
    await settled();
    expect(states()).toEqual(['exhausted']);
    expect(added?.attempts).toHaveLength(1);
  });

  it('counts a handler that throws as a failed attempt', async () => {
    let attempts = 0;
    const throwsOnce = scripted(() => {
      attempts += 1;
      if (attempts === 1) throw new Error('a bug');
      return Promise.resolve(outcome({ kind: 'success' }));
    });
    const [added] = store.add({});
    startLoop({ handlers: [throwsOnce] });
    await settled();
    expect(added?.attempts.map(({ error }) => error)).toEqual(['handler_threw', null]);
  });

  it('ends an attempt that outlives its claim, and counts it', async () => {
    let attempts = 0;
    const stuckOnce = scripted(() => {
      attempts += 1;
      return attempts === 1
        ? new Promise<never>(() => {})
        : Promise.resolve(outcome({ kind: 'success' }));
    });
    const [added] = store.add({});
    startLoop({ handlers: [stuckOnce], leaseMs: 2000 });
    await settled();
    expect(added?.attempts.map(({ error }) => error)).toEqual(['timeout', null]);
  });

  it('leaves jobs without a handler waiting', async () => {
    const [added] = store.add({ kind: 'crm_write', event: null });
    startLoop();
    await expect.poll(() => lines.some(({ error }) => error === 'no_handler')).toBe(true);
    await expect.poll(() => added?.claim).toBeNull();
    expect(added).toMatchObject({ state: 'waiting', attempts: [] });
  });
});

describe('a look for jobs', () => {
  /** Nothing here may depend on the backstop. */
  const pollMs = 600_000;
  let looks: number;
  beforeEach(() => {
    looks = 0;
    const claimJobs = store.claimJobs.bind(store);
    store.claimJobs = (query) => {
      looks++;
      return claimJobs(query);
    };
  });

  it('follows a settlement that made room for what had been left', async () => {
    store.add({}, {}, {}, {}, {});
    startLoop({
      handlers: [scripted(async () => outcome({ kind: 'success' }))],
      pollMs,
      concurrency: 2,
    });
    await settled();
    expect(looks).toBeGreaterThan(2);
  });

  it('comes when what was put off falls due', async () => {
    store.add({}, {});
    let attempts = 0;
    const handler = scripted(async () =>
      outcome(++attempts > 2 ? { kind: 'success' } : { kind: 'retry' }),
    );
    startLoop({ handlers: [handler], pollMs });
    await settled();
    expect(attempts).toBe(4);
  });

  it('is saved where nothing had been left', async () => {
    store.add({}, {}, {});
    startLoop({ handlers: [scripted(async () => outcome({ kind: 'success' }))], pollMs });
    await settled();
    await loop?.stop({ deadlineMs: 5_000 });
    expect(looks).toBe(1);
  });
});

describe('a dead target', () => {
  it('holds up nobody but itself', async () => {
    const dead = scripted(async (job, signal) => {
      if (job.target === 'dead') await untilAborted(signal);
      return outcome({ kind: job.target === 'dead' ? 'retry' : 'success' });
    });
    store.add(...Array.from({ length: 100 }, () => ({ target: 'dead' })));
    startLoop({ handlers: [dead], concurrency: 8, perTarget: 4 });
    const claims = () => [...store.jobs.values()].filter(({ claim }) => claim !== null);
    await expect.poll(claims).toHaveLength(4);
    const healthy = store.add(...Array.from({ length: 20 }, () => ({ target: 'healthy' })));
    await expect.poll(() => healthy.every(({ state }) => state === 'done')).toBe(true);
    expect(claims().map(({ job }) => job.target)).toEqual(Array(4).fill('dead'));
  });

  it('leaves slots to others also when all the busy ones begin to hang', async () => {
    const handler = scripted(async (job, signal) => {
      const hangs = job.target !== 'healthy';
      if (hangs) await untilAborted(signal);
      return outcome({ kind: hangs ? 'retry' : 'success' });
    });
    startLoop({ handlers: [handler], concurrency: 16, perTarget: 8 });
    const claims = () => [...store.jobs.values()].filter(({ claim }) => claim !== null).length;
    for (const target of ['one', 'two', 'three']) {
      const before = claims();
      store.add(...Array.from({ length: 100 }, () => ({ target })));
      await expect.poll(claims).toBeGreaterThan(before);
    }
    const healthy = store.add(...Array.from({ length: 20 }, () => ({ target: 'healthy' })));
    await expect.poll(() => healthy.every(({ state }) => state === 'done')).toBe(true);
  });

  /**
   * Its overdue jobs are the next due ones for ever, so that the store's "next due" hides when a
   * healthy target's retry is due. The loop looks anyway.
   */
  it('does not hide the retries of a healthy one', async () => {
    let attempts = 0;
    const handler = scripted(async (job, signal) => {
      if (job.target === 'dead') await untilAborted(signal);
      attempts += job.target === 'healthy' ? 1 : 0;
      return outcome({ kind: attempts === 1 ? 'retry' : 'success' });
    });
    store.add(...Array.from({ length: 20 }, () => ({ target: 'dead' })));
    const [healthy] = store.add({ target: 'healthy' });
    startLoop({ handlers: [handler], concurrency: 8, perTarget: 1, pollMs: 60_000 });
    await expect.poll(() => healthy?.state, { timeout: 5000 }).toBe('done');
  });
});

describe('stopping', () => {
  it('lets attempts under way end and claims nothing more', async () => {
    const { promise, resolve: answer } = Promise.withResolvers<void>();
    const slow = scripted(async () => {
      await promise;
      return outcome({ kind: 'success' });
    });
    const [first] = store.add({});
    const running = startLoop({ handlers: [slow] });
    await expect.poll(() => first?.claim).not.toBeNull();
    const stopped = running.stop({ deadlineMs: 10_000 });
    store.add({});
    answer();
    await stopped;
    expect(states()).toEqual(['done', 'waiting']);
    expect([...store.jobs.values()].map(({ claim }) => claim)).toEqual([null, null]);
  });

  it('aborts what is still under way at its deadline, and returns it uncounted', async () => {
    backend.behave('webhooks', { mode: 'hang' });
    const [added] = store.add({});
    const running = startLoop();
    await expect.poll(() => backend.requests).toHaveLength(1);
    await running.stop({ deadlineMs: 10 });
    expect(added).toMatchObject({ state: 'waiting', claim: null, attempts: [] });
    expect(added?.dueAt).toBeLessThanOrEqual(Date.now());

    backend.behave('webhooks', { mode: 'ok' });
    startLoop();
    await settled();
    expect(added?.attempts.map(({ status }) => status)).toEqual([200]);
  });

  it('returns the jobs of a handler that ignores the abort', async () => {
    const deaf = scripted(() => new Promise<never>(() => {}));
    const [added] = store.add({});
    const running = startLoop({ handlers: [deaf] });
    await expect.poll(() => added?.claim).not.toBeNull();
    await running.stop({ deadlineMs: 10 });
    expect(added).toMatchObject({ state: 'waiting', claim: null, attempts: [] });
  });
});

describe('settlements', () => {
  it('are written in batches', async () => {
    store.add(...Array.from({ length: 40 }, () => ({})));
    startLoop({ handlers: [scripted(() => Promise.resolve(outcome({ kind: 'success' })))] });
    await settled();
    expect(store.batches.length).toBeLessThan(40);
    expect(store.batches.reduce((sum, size) => sum + size)).toBe(40);
  });

  it('leave room for the appends of others between those that append themselves', async () => {
    store.add(...Array.from({ length: 40 }, () => ({})));
    const handler = scripted(
      () => Promise.resolve(outcome({ kind: 'success' })),
      () => ({ callId: 'call_1', events: [] }),
    );
    startLoop({ handlers: [handler] });
    await settled();
    expect(Math.max(...store.batches)).toBe(8);
    expect(store.appended).toHaveLength(40);
  });

  it('outlive a store that is busy for a moment', async () => {
    let failures = 2;
    store.beforeSettle = () => {
      failures -= 1;
      if (failures >= 0) throw new CallwireError('STORE_BUSY', 'Busy.', { retryable: true });
    };
    const [added] = store.add({});
    startLoop();
    await settled();
    expect(added?.attempts).toHaveLength(1);
    expect(backend.received).toHaveLength(1);
  });

  it('of others do not suffer for a result that the ledger refuses, and its job ends too', async () => {
    store.beforeSettle = (settlements) => {
      if (settlements.some(({ append }) => append))
        throw new CallwireError('LEDGER_REFUSED', 'No.');
    };
    const handler = scripted(
      () => Promise.resolve(outcome({ kind: 'success' })),
      (job) => (job.target === 'refused' ? { callId: null } : null),
    );
    store.add({ target: 'refused' }, {}, {});
    startLoop({ handlers: [handler] });
    await settled();
    expect(states()).toEqual(['done', 'done', 'done']);
    expect(store.appended).toEqual([]);
  });
});
