import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CrmBackend } from '../../sim/crm/crm_backend.ts';
import { createSecretBox } from '../config/secret_box.ts';
import { draftEvent } from '../events/catalogue.ts';
import { eventComposer } from '../events/composer.ts';
import { newId } from '../ids.ts';
import { openSqliteStore } from '../store/sqlite_store.ts';
import type { Store } from '../store/store.ts';
import { DeliveryLoop } from './loop.ts';
import { createRetrySchedule, DEFAULT_RETRY_STEPS } from './retry_schedule.ts';
import { storedEndpoints } from './stored_endpoint.ts';
import { WebhookHandler } from './webhook_handler.ts';

/*
 * A clock that is set while deliveries wait. Claims, retries and the overlap of two secrets are
 * judged by it: nothing may be lost for that, nothing wait for ever, nothing go out unsigned.
 */

const HOUR_MS = 3_600_000;
/** Made up. */
const OLD = 'a-made-up-old-secret';
const NEW = 'a-made-up-new-secret';

const box = createSecretBox({ current: randomBytes(32), previous: [] });
let dataDir: string;
let clock: { now: number };
/** The receiver's. */
let theirs: { now: number };
let store: Store;
let backend: CrmBackend;
let handler: WebhookHandler;
let loop: DeliveryLoop;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'callwire-clock-'));
  clock = { now: Date.now() };
  theirs = clock;
  const now = () => clock.now;
  store = await openSqliteStore({
    dataDir,
    composer: eventComposer,
    defaultEndpoint: null,
    clock: now,
  });
  backend = new CrmBackend({ secret: OLD, clock: () => theirs.now });
  await backend.start();
  handler = new WebhookHandler({
    endpoints: storedEndpoints({ store, openSecret: box.open, clock: now }),
    allowNetworks: ['127.0.0.1'],
    clock: now,
  });
  loop = startLoop();
  await store.createEndpoint({
    id: 'whe_1',
    name: 'backend',
    url: `${backend.url}/webhook`,
    ordered: true,
    signatures: ['standard', 'timestamped'],
    status: 'active',
    disabledReason: null,
    secret: box.seal(OLD),
    previousSecret: null,
    previousUntil: null,
    failingSince: null,
    lastSuccessAt: null,
    createdAt: clock.now,
  });
  const subscription = { name: 'all', eventType: '*', endpointId: 'whe_1', conditions: null };
  await store.createTrigger({ id: newId('trg'), ...subscription, createdAt: clock.now });
});
afterEach(async () => {
  await loop.stop({ deadlineMs: 0 });
  await handler.close();
  await store.close();
  await backend.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

function startLoop(): DeliveryLoop {
  const started = new DeliveryLoop({
    store,
    handlers: [handler],
    schedule: createRetrySchedule({ steps: DEFAULT_RETRY_STEPS }),
    log: pino({ level: 'silent' }),
    clock: () => clock.now,
    pollMs: 10,
    recallEveryMs: 50,
  });
  started.start();
  return started;
}

/** A call of two events, which the endpoint gets one after the other. */
async function call(): Promise<string> {
  const id = newId('call');
  const open = {
    id,
    direction: 'inbound' as const,
    from: '+15550100001',
    to: '+15550100000',
    agentId: 'receptionist',
    room: 'room-1',
    metadata: {},
    time: clock.now,
  };
  const events = [
    draftEvent('call.started', {}),
    draftEvent('intent.recorded', { intent: 'sales', tool_call_id: 'fc_1' }),
  ];
  expect(await store.append([{ callId: id, open, events }])).toEqual([{ status: 'appended' }]);
  return id;
}

const received = (callId: string) =>
  backend.received.filter(({ body }) => body.call_id === callId).map(({ sequence }) => sequence);
const arrives = (callId: string) =>
  expect.poll(() => received(callId), { timeout: 10_000 }).toEqual([1, 2]);
const tried = (attempts: number) =>
  expect
    .poll(
      async () => (await store.listDeliveries({ limit: 9 })).map((one) => one.attempts).sort(),
      {
        timeout: 10_000,
      },
    )
    .toEqual([0, attempts]);

it('set right after a boot that was years ahead, keeps nobody waiting for years', async () => {
  theirs = { ...clock };
  clock.now += 4 * 365 * 24 * HOUR_MS;
  const early = await call();
  await tried(1);
  // As a careful receiver does with a timestamp of the future.
  expect(backend.refused).toHaveLength(1);
  clock.now = theirs.now;
  const late = await call();
  await arrives(late);
  await arrives(early);
});

it('set back by hours, delays what is tried again by as much, and nothing that is new', async () => {
  backend.behave('webhooks', { mode: 'status', status: 500, times: 1 });
  const early = await call();
  await tried(1);
  clock.now -= 5 * HOUR_MS;
  await arrives(await call());
  expect(received(early)).toEqual([]);
  clock.now += 5 * HOUR_MS + DEFAULT_RETRY_STEPS[0]! * 1.2;
  await arrives(early);
});

it('set ahead by hours, tries early what waits, and does not give up for it', async () => {
  backend.behave('webhooks', { mode: 'status', status: 500, times: 3 });
  const id = await call();
  for (let attempts = 1; attempts <= 3; attempts++) {
    await tried(attempts);
    clock.now += 5 * HOUR_MS;
  }
  await arrives(id);
});

it('set ahead behind a claim, may send an event twice, under one id, and settles it once', async () => {
  backend.behave('webhooks', { mode: 'swallow', times: 1 });
  const id = await call();
  await expect.poll(() => received(id), { timeout: 10_000 }).toEqual([1]);
  clock.now += 5 * HOUR_MS;
  await expect.poll(() => received(id), { timeout: 10_000 }).toEqual([1, 1, 2]);
  const [first, again] = backend.received;
  expect(again).toMatchObject({ id: first!.id, deliveryId: first!.deliveryId, raw: first!.raw });
  await expect
    .poll(async () => (await store.listDeliveries({ limit: 9 })).map(({ state }) => state))
    .toEqual(['done', 'done']);
});

it('set ahead or back, signs with the secrets that are valid by it, and always signs', async () => {
  await store.rotateEndpointSecret('whe_1', {
    secret: box.seal(NEW),
    previousUntil: clock.now + 24 * HOUR_MS,
  });
  backend.setSecret([OLD, NEW]);
  const signatures = () => backend.received.at(-1)?.headers['webhook-signature']?.toString();
  await arrives(await call());
  expect(signatures()?.split(' ')).toHaveLength(2);
  clock.now += 25 * HOUR_MS;
  backend.setSecret(NEW);
  await arrives(await call());
  expect(signatures()?.split(' ')).toHaveLength(1);
  clock.now -= 25 * HOUR_MS;
  backend.setSecret([OLD, NEW]);
  await arrives(await call());
  expect(signatures()?.split(' ')).toHaveLength(2);
  expect(backend.refused).toEqual([]);
});
