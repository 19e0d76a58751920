import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CrmBackend } from '../../sim/crm/crm_backend.ts';
import { createSecretBox } from '../config/secret_box.ts';
import { draftEvent } from '../events/catalogue.ts';
import { newId } from '../ids.ts';
import { openStore } from '../ledger/open_store.ts';
import type { EndpointRecord } from '../store/endpoint_store.ts';
import type { Store } from '../store/store.ts';
import { DeliveryLoop } from './loop.ts';
import { createRetrySchedule } from './retry_schedule.ts';
import { storedEndpoints } from './stored_endpoint.ts';
import { WebhookHandler } from './webhook_handler.ts';

/* Endpoints of the API on the store and the loop that they run on. */

const SECRET = 'made-up-secret';
const box = createSecretBox({ current: randomBytes(32), previous: [] });

let dataDir: string;
let store: Store;
let handler: WebhookHandler;
let loop: DeliveryLoop;
let backends: CrmBackend[] = [];

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'callwire-endpoints-'));
  store = await openStore({ dataDir, defaultEndpoint: null });
  handler = new WebhookHandler({
    endpoints: storedEndpoints({ store, openSecret: box.open }),
    allowNetworks: ['127.0.0.1'],
  });
  loop = new DeliveryLoop({
    store,
    handlers: [handler],
    schedule: createRetrySchedule({ steps: [50, 50, 50] }),
    log: pino({ level: 'silent' }),
    concurrency: 16,
    perTarget: 4,
  });
});
afterEach(async () => {
  await loop.stop({ deadlineMs: 0 });
  await handler.close();
  await store.close();
  await Promise.all(backends.map((backend) => backend.stop()));
  backends = [];
  rmSync(dataDir, { recursive: true, force: true });
});

async function startBackend(): Promise<CrmBackend> {
  const backend = new CrmBackend({ secret: SECRET });
  await backend.start();
  backends.push(backend);
  return backend;
}

async function subscribe(url: string, over: Partial<EndpointRecord> = {}): Promise<string> {
  const id = newId('whe');
  await store.createEndpoint({
    id,
    name: 'backend',
    url: `${url}/webhook`,
    ordered: false,
    signatures: ['standard', 'timestamped'],
    status: 'active',
    disabledReason: null,
    secret: box.seal(SECRET),
    previousSecret: null,
    previousUntil: null,
    failingSince: null,
    lastSuccessAt: null,
    createdAt: Date.now(),
    ...over,
  });
  await store.createTrigger({
    id: newId('trg'),
    name: 'everything',
    eventType: '*',
    endpointId: id,
    conditions: null,
    createdAt: Date.now(),
  });
  return id;
}

async function call(...utterances: string[]): Promise<string> {
  const id = newId('call');
  const results = await store.append([
    {
      callId: id,
      open: {
        id,
        direction: 'inbound',
        from: '+15550100001',
        to: '+15550100000',
        agentId: 'receptionist',
        room: 'room-1',
        metadata: {},
        time: Date.now(),
      },
      events: [
        draftEvent('call.started', {}),
        ...utterances.map((intent, index) =>
          draftEvent('intent.recorded', { intent, tool_call_id: `fc_${index}` }),
        ),
      ],
    },
  ]);
  expect(results).toEqual([{ status: 'appended' }]);
  return id;
}

const waiting = async (endpointId: string) =>
  (await store.listDeliveries({ limit: 1000, endpointId, state: 'waiting' })).length;

it('one dead and one hanging endpoint do not slow the others', async () => {
  const [gone, hanging, healthy] = [
    await startBackend(),
    await startBackend(),
    await startBackend(),
  ];
  hanging.behave('webhooks', { mode: 'hang' });
  const hangingId = await subscribe(hanging.url);
  const deadId = await subscribe(gone.url);
  const healthyId = await subscribe(healthy.url);
  await gone.stop();
  for (let i = 0; i < 30; i++) await call();
  loop.start();
  await expect.poll(() => healthy.received.length, { timeout: 15_000 }).toBe(30);
  await expect.poll(() => waiting(healthyId)).toBe(0);
  // Not one attempt of the hanging one has ended meanwhile, and it holds no more than its share.
  expect(hanging.requests.length).toBeLessThanOrEqual(4);
  expect(await waiting(hangingId)).toBe(30);
  for (let i = 0; i < 5; i++) await call();
  await expect.poll(() => healthy.received.length, { timeout: 15_000 }).toBe(35);
  expect(hanging.requests.length).toBeLessThanOrEqual(4);
  await expect.poll(async () => (await store.getEndpoint(deadId))?.failingSince).not.toBeNull();
  expect((await store.getEndpoint(healthyId))?.failingSince).toBeNull();
});

it('an ordered endpoint gets the events of a call in their order, whatever fails', async () => {
  const backend = await startBackend();
  const id = await subscribe(backend.url, { ordered: true });
  backend.behave('webhooks', { mode: 'status', status: 503, times: 3 });
  const words = ['one', 'two', 'three', 'four', 'five'];
  const calls = [await call(...words), await call(...words)];
  loop.start();
  await expect.poll(() => waiting(id), { timeout: 15_000 }).toBe(0);
  for (const callId of calls) {
    const bodies = backend.received.map(({ raw }) => JSON.parse(String(raw)));
    const sequences = bodies.filter(({ call_id }) => call_id === callId).map((one) => one.sequence);
    expect(sequences).toEqual([1, 2, 3, 4, 5, 6]);
  }
});

it('an endpoint that is gone gets nothing more, and the others are told', async () => {
  const [gone, other] = [await startBackend(), await startBackend()];
  gone.behave('webhooks', { mode: 'status', status: 410 });
  const goneId = await subscribe(gone.url);
  await subscribe(other.url);
  await call();
  loop.start();
  const told = await other.waitForEvent(
    ({ event }) => event === 'endpoint.disabled',
    AbortSignal.timeout(10_000),
  );
  expect(JSON.parse(String(told.raw))).toMatchObject({
    call_id: null,
    sequence: null,
    data: { endpoint_id: goneId, reason: 'gone' },
  });
  await call();
  await expect.poll(() => other.received.length).toBe(3);
  expect(gone.requests).toHaveLength(1);

  gone.behave('webhooks', { mode: 'ok' });
  await store.updateEndpoint(goneId, { status: 'active' });
  await expect.poll(() => waiting(goneId), { timeout: 10_000 }).toBe(0);
  expect(new Set(gone.received.map(({ event }) => event))).toEqual(new Set(['call.started']));
});

it('a test reaches the endpoint alone', async () => {
  const [tested, other] = [await startBackend(), await startBackend()];
  const [id] = [await subscribe(tested.url), await subscribe(other.url)];
  loop.start();
  const delivery = await store.testEndpoint(id);
  const received = await tested.waitForEvent(
    ({ event }) => event === 'webhook.test',
    AbortSignal.timeout(10_000),
  );
  expect(received.deliveryId).toBe(delivery);
  expect(JSON.parse(String(received.raw))).toMatchObject({
    call_id: null,
    sequence: null,
    data: { call_id: null, endpoint_id: id },
  });
  expect(other.requests).toEqual([]);
});
