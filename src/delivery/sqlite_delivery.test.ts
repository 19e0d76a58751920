import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CrmBackend } from '../../sim/crm/crm_backend.ts';
import { draftEvent } from '../events/catalogue.ts';
import { newId } from '../ids.ts';
import { openStore } from '../ledger/open_store.ts';
import type { Append, Store } from '../store/store.ts';
import { createDefaultEndpoint } from './default_endpoint.ts';
import { DeliveryLoop } from './loop.ts';
import { createRetrySchedule } from './retry_schedule.ts';
import { WebhookHandler } from './webhook_handler.ts';

/* The loop on the store it runs on, from the append of a call to the backend. */

const SECRET = 'made-up-secret';
const dataDir = mkdtempSync(join(tmpdir(), 'callwire-delivery-'));

let store: Store;
let backend: CrmBackend;
let handler: WebhookHandler;
let loop: DeliveryLoop;

beforeEach(async () => {
  backend = new CrmBackend({ secret: SECRET });
  const { url } = await backend.start();
  store = await openStore({ dataDir, defaultEndpoint: { perEvent: true } });
  const settings = { url: `${url}/webhooks`, perEvent: true, secret: SECRET };
  const endpoint = createDefaultEndpoint(() => settings);
  handler = new WebhookHandler({ endpoints: (id) => (id === endpoint.id ? endpoint : null) });
  loop = new DeliveryLoop({
    store,
    handlers: [handler],
    schedule: createRetrySchedule({ steps: [10, 10] }),
    log: pino({ level: 'silent' }),
  });
  loop.start();
});
afterEach(async () => {
  await loop.stop({ deadlineMs: 0 });
  await handler.close();
  await store.close();
  await backend.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

function startedCall(): Append & { callId: string } {
  const id = newId('call');
  return {
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
    events: [draftEvent('call.started', {})],
  };
}

it('brings an appended event to the backend, byte by byte as it was stored', async () => {
  const append = startedCall();
  expect(await store.append([append])).toEqual([{ status: 'appended' }]);
  const received = await backend.waitForEvent(
    ({ event }) => event === 'call.started',
    AbortSignal.timeout(10_000),
  );
  const [stored] = await store.listCallEvents(append.callId);
  expect(received.path).toBe('/webhooks/call');
  expect(received.raw).toBe(stored?.body);
  expect(received.verified).toEqual({ standard: true, timestamped: true, plain: true });
  await expect
    .poll(() => store.listDeliveries({ limit: 10 }))
    .toMatchObject([{ id: received.deliveryId, state: 'done', attempts: 1, lastStatus: 200 }]);
});

it('gives up in one transaction: the delivery is exhausted, and the ledger says so once', async () => {
  backend.behave('webhooks', { mode: 'status', status: 500 });
  await store.append([startedCall()]);
  const exhausted = () => store.listDeliveries({ limit: 10, state: 'exhausted' });
  await expect.poll(exhausted, { timeout: 10_000 }).toHaveLength(1);
  const [delivery] = await exhausted();
  const events = await store.eventsAfter(0, 10);
  const ends = events.filter(({ type }) => type === 'delivery.exhausted');
  expect(ends.map(({ body }) => JSON.parse(body))).toMatchObject([
    {
      call_id: null,
      data: {
        endpoint_id: 'whe_default',
        delivery_id: delivery?.id,
        event_type: 'call.started',
        attempts: 3,
        last_status: 500,
      },
    },
  ]);
  expect(await store.listDeliveries({ limit: 10, state: 'waiting' })).toEqual([]);

  backend.behave('webhooks', { mode: 'ok' });
  const [replayed] = await store.replayDeliveries({ onlyFailed: true });
  const received = await backend.waitForEvent(
    ({ deliveryId }) => deliveryId === replayed,
    AbortSignal.timeout(10_000),
  );
  expect(received.event).toBe('call.started');
});
