import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { SIM_SECRET } from '../sim/installation/installation.ts';
import { waitFor } from '../sim/installation/wait_for.ts';
import { openAdminStore } from '../src/ledger/admin_store.ts';
import type { DeliveryRecord, Store } from '../src/store/store.ts';
import { Caller } from './caller.ts';
import { sharedInstallation } from './shared_installation.ts';
import { recorded, wholeRecord } from './whole_record.ts';

const CALLER = '+15550100001';
/** Made up: `whsec_` and base64 of 32 bytes. */
const STANDARD_SECRET = `whsec_${Buffer.from('a made-up key of thirty-two byte').toString('base64')}`;

const SALES = `turns:
  - hears: I want to talk to sales.
    do: [{ call: { tool: record_intent, arguments: { intent: sales } } }]
    then: Noted.
`;

/** Enough attempts for every outage of a test, none of them far away. */
const PATIENT = Array(60).fill('800ms').join(',');

const installation = sharedInstallation({
  number: '+15550107020',
  scenario: SALES,
  contacts: [{ id: 'c1', name: 'Ada Lovelace', phone: CALLER }],
  env: { RETRY_SCHEDULE: PATIENT },
});

/** When the test began, and what the backend had until then. */
let since = 0;
let seen = { received: 0, requests: 0 };
beforeEach(() => {
  const { received, requests } = installation.backend;
  since = Date.now();
  seen = { received: received.length, requests: requests.length };
});

/** Another worker, for the rest of the test. */
async function restart(env: Record<string, string>): Promise<void> {
  await installation.worker.stop();
  await installation.startWorker(env);
}

/** A whole call: greeting, intent, hang-up. */
async function call({ whenGreeted = () => {} } = {}): Promise<void> {
  const caller = await Caller.dial(installation);
  await caller.hearsEnd();
  whenGreeted();
  await caller.asks();
  await caller.call.hangUp();
  await recorded(installation, 'call.ended');
}

async function ask<T>(question: (store: Store) => Promise<T>): Promise<T> {
  const store = await openAdminStore(installation.dataDir);
  try {
    return await question(store);
  } finally {
    await store.close();
  }
}

/** The deliveries of events of this test, once they are all as `wanted`. */
function deliveries(
  what: string,
  wanted: (delivery: DeliveryRecord) => boolean,
): Promise<DeliveryRecord[]> {
  const look = async () => {
    const all = await ask((store) => store.listDeliveries({ limit: 100 }));
    const webhooks = all.filter(({ kind, createdAt }) => kind === 'webhook' && createdAt >= since);
    return webhooks.length > 0 && webhooks.every(wanted) && webhooks;
  };
  return waitFor(look, { what: `all deliveries to be ${what}`, deadlineMs: 60_000 });
}

const arrived = () => installation.backend.received.slice(seen.received);
const received = () => arrived().map(({ id }) => id);
const requests = () => installation.backend.requests.slice(seen.requests);

/** Each event once, also where several attempts were needed. */
function nothingTwice(): void {
  expect(received()).toEqual([...new Set(received())]);
}

describe('a backend that comes back', () => {
  it('after it was down for a whole call gets everything', async () => {
    await installation.backend.stop();
    await call();
    await deliveries('tried', ({ attempts }) => attempts > 0);
    await installation.backend.start();
    // The CRM is the same server.
    expect((await wholeRecord(installation)).ended).toMatchObject({ context: 'none' });
    nothingTwice();
  });

  it('after it hung, and vanished with every socket, gets everything, and no call waited', async () => {
    const { backend } = installation;
    // From now on, not from the ringing: what has hung for 15 s waits another minute.
    await call({ whenGreeted: () => backend.behave('webhooks', { mode: 'hang' }) });
    expect(arrived().map(({ event }) => event)).not.toContain('call.ended');
    await backend.stop();
    backend.behave('webhooks', { mode: 'ok' });
    await backend.start();
    await wholeRecord(installation);
    nothingTwice();
  });

  it('after errors, closed sockets and redirects gets everything, and no redirect is followed', async () => {
    const { backend } = installation;
    backend.behave('webhooks', { mode: 'status', status: 500 });
    await call();
    await deliveries('answered 500', ({ lastStatus }) => lastStatus === 500);
    backend.behave('webhooks', { mode: 'vanish' });
    await deliveries('cut off', ({ lastError }) => lastError === 'connection');
    backend.behave('webhooks', { mode: 'redirect' });
    await deliveries('redirected', ({ lastStatus }) => lastStatus === 302);
    backend.behave('webhooks', { mode: 'ok' });
    await wholeRecord(installation);
    nothingTwice();
    expect(requests().map(({ path }) => path)).not.toContain('/redirected');
  });

  it('whose answers are garbage, or too long, has everything: the status alone decides', async () => {
    const { backend } = installation;
    backend.behave('webhooks', { mode: 'garbage' });
    await call({ whenGreeted: () => backend.behave('webhooks', { mode: 'huge' }) });
    await wholeRecord(installation);
    await deliveries('done', ({ state, attempts }) => state === 'done' && attempts === 1);
    nothingTwice();
  });
});

describe('a backend that stays away', () => {
  it('is given up on with delivery.exhausted, of which it never hears, and can be replayed', async () => {
    await restart({ RETRY_SCHEDULE: '100ms,100ms' });
    const { backend } = installation;
    backend.behave('webhooks', { mode: 'status', status: 503 });
    await call();
    const given = await deliveries('given up', ({ state }) => state === 'exhausted');
    expect(given.map(({ attempts }) => attempts)).toEqual(given.map(() => 3));
    const look = async () => {
      const events = await installation.events();
      const told = events.filter(({ event }) => event === 'delivery.exhausted');
      return told.length === given.length && told;
    };
    const told = await waitFor(look, { what: 'a delivery.exhausted for each' });
    expect(new Set(told.map(({ data }) => data.delivery_id))).toEqual(
      new Set(given.map(({ id }) => id)),
    );
    for (const event of told) {
      expect(event).toMatchObject({ call_id: null, sequence: null });
      expect(event.data).toMatchObject({
        endpoint_id: 'whe_default',
        attempts: 3,
        last_status: 503,
      });
    }

    backend.behave('webhooks', { mode: 'ok' });
    await ask((store) => store.replayDeliveries({ onlyFailed: true }));
    await wholeRecord(installation);
    expect(arrived().map(({ event }) => event)).not.toContain('delivery.exhausted');
    const all = await ask((store) => store.listDeliveries({ limit: 100 }));
    expect(all.filter(({ createdAt }) => createdAt >= since)).toHaveLength(
      2 * given.length + 1, // the call's activity for the CRM
    );
  });
});

// What it leaves waits for minutes: behind the tests that count what waits.
describe('a backend that is busy', () => {
  it('is left alone for as long as it asked with 429, and only that event waits', async () => {
    const { backend } = installation;
    const headers = { 'Retry-After': '90' };
    backend.behave('webhooks', { mode: 'status', status: 429, headers, times: 1 });
    await call();
    const all = await deliveries('tried', ({ attempts }) => attempts > 0);
    const [busy, ...others] = all.filter(({ lastStatus }) => lastStatus === 429);
    expect(others).toEqual([]);
    expect(busy).toMatchObject({ state: 'waiting', attempts: 1 });
    expect(busy!.nextAt! - busy!.createdAt).toBeGreaterThanOrEqual(90_000);
    await deliveries('done', ({ id, state }) => id === busy!.id || state === 'done');
    expect(received()).not.toContain(busy!.eventId);
  });
});

describe('signatures', () => {
  it('are never left out: without a secret events wait, and come when there is one', async () => {
    await restart({ WEBHOOK_SECRET: '' });
    const { backend, worker } = installation;
    expect(worker.lines.map(({ msg }) => msg)).toContain(
      'no WEBHOOK_SECRET: deliveries wait until it is set, for nothing is sent unsigned',
    );
    await call();
    await deliveries('waiting', ({ state, attempts }) => state === 'waiting' && attempts === 0);
    expect(requests().filter(({ group }) => group === 'webhooks')).toEqual([]);

    await worker.stop();
    backend.setSecret(STANDARD_SECRET);
    onTestFinished(() => backend.setSecret(SIM_SECRET));
    await installation.startWorker({ WEBHOOK_SECRET: STANDARD_SECRET });
    await wholeRecord(installation);
    nothingTwice();
  });

  it('tell a receiver of tampered bodies and of a wrong secret', async () => {
    const { backend } = installation;
    await restart({ CRM_ADAPTER: 'builtin', WEBHOOK_URL: `${backend.url}/webhook` });
    backend.setSecret('another-made-up-secret');
    await call();
    await deliveries('refused', ({ lastStatus }) => lastStatus === 401);
    expect(received()).toEqual([]);
    backend.setSecret(SIM_SECRET);
    const { raw, path, headers } = await backend.waitForEvent(
      ({ event, at }) => event === 'call.ended' && at >= since,
      AbortSignal.timeout(30_000),
    );
    const send = async (body: string) => {
      const sent = Object.entries(headers).filter(([name]) => /signature|webhook|type/.test(name));
      const request = { method: 'POST', body, headers: Object.fromEntries(sent) as Headers };
      return (await fetch(`${backend.url}${path}`, request)).status;
    };
    expect(await send(raw)).toBe(200);
    expect(await send(raw.replace('caller_hung_up', 'agent_hung_up'))).toBe(401);
  });
});

type Headers = Record<string, string>;
