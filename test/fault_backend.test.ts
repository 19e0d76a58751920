import { afterEach, describe, expect, inject, it } from 'vitest';
import { Installation, SIM_SECRET } from '../sim/installation/installation.ts';
import { waitFor } from '../sim/installation/wait_for.ts';
import { openAdminStore } from '../src/ledger/admin_store.ts';
import type { DeliveryRecord, Store } from '../src/store/store.ts';
import { Caller } from './caller.ts';
import { wholeRecord } from './whole_record.ts';

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

let installation: Installation;
afterEach(() => installation?.stop());

async function start(env: Record<string, string> = {}, crm: 'http' | 'builtin' = 'http') {
  installation = await Installation.start({
    stack: inject('stack'),
    number: '+15550107020',
    scenario: SALES,
    crm,
    contacts: [{ id: 'c1', name: 'Ada Lovelace', phone: CALLER }],
    env: { RETRY_SCHEDULE: PATIENT, ...env },
  });
}

/** A whole call: greeting, intent, hang-up. */
async function call({ whenGreeted = () => {} } = {}): Promise<void> {
  const caller = await Caller.dial(installation);
  await caller.hearsEnd();
  whenGreeted();
  await caller.asks();
  await caller.call.hangUp();
  await installation.waitForLedger('call.ended');
}

async function ask<T>(question: (store: Store) => Promise<T>): Promise<T> {
  const store = await openAdminStore(installation.dataDir);
  try {
    return await question(store);
  } finally {
    await store.close();
  }
}

/** The deliveries of events, once they are all as `wanted`. */
function deliveries(
  what: string,
  wanted: (delivery: DeliveryRecord) => boolean,
): Promise<DeliveryRecord[]> {
  const look = async () => {
    const all = await ask((store) => store.listDeliveries({ limit: 100 }));
    const webhooks = all.filter(({ kind }) => kind === 'webhook');
    return webhooks.length > 0 && webhooks.every(wanted) && webhooks;
  };
  return waitFor(look, { what: `all deliveries to be ${what}`, deadlineMs: 60_000 });
}

const received = () => installation.backend.received.map(({ id }) => id);

/** Each event once, also where several attempts were needed. */
function nothingTwice(): void {
  expect(received()).toEqual([...new Set(received())]);
}

describe('a backend that comes back', () => {
  it('after it was down for a whole call gets everything', async () => {
    await start();
    await installation.backend.stop();
    await call();
    await deliveries('tried', ({ attempts }) => attempts > 0);
    await installation.backend.start();
    // The CRM is the same server.
    expect((await wholeRecord(installation)).ended).toMatchObject({ context: 'none' });
    nothingTwice();
  });

  it('after it hung, and vanished with every socket, gets everything, and no call waited', async () => {
    await start();
    const { backend } = installation;
    // From now on, not from the ringing: what has hung for 15 s waits another minute.
    await call({ whenGreeted: () => backend.behave('webhooks', { mode: 'hang' }) });
    expect(backend.received.map(({ event }) => event)).not.toContain('call.ended');
    await backend.stop();
    backend.behave('webhooks', { mode: 'ok' });
    await backend.start();
    await wholeRecord(installation);
    nothingTwice();
  });

  it('after errors, closed sockets and redirects gets everything, and no redirect is followed', async () => {
    await start();
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
    expect(backend.requests.map(({ path }) => path)).not.toContain('/redirected');
  });

  it('whose answers are garbage, or too long, has everything: the status alone decides', async () => {
    await start();
    const { backend } = installation;
    backend.behave('webhooks', { mode: 'garbage' });
    await call({ whenGreeted: () => backend.behave('webhooks', { mode: 'huge' }) });
    await deliveries('done', ({ state, attempts }) => state === 'done' && attempts === 1);
    nothingTwice();
  });

  it('is left alone for as long as it asked with 429, and only that event waits', async () => {
    await start();
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

describe('a backend that stays away', () => {
  it('is given up on with delivery.exhausted, of which it never hears, and can be replayed', async () => {
    await start({ RETRY_SCHEDULE: '100ms,100ms' });
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
    expect(backend.received.map(({ event }) => event)).not.toContain('delivery.exhausted');
    expect(await ask((store) => store.listDeliveries({ limit: 100 }))).toHaveLength(
      2 * given.length + 1, // the call's activity for the CRM
    );
  });
});

describe('signatures', () => {
  it('are never left out: without a secret events wait, and come when there is one', async () => {
    await start({ WEBHOOK_SECRET: '' });
    const { backend, worker } = installation;
    expect(worker.lines.map(({ msg }) => msg)).toContain(
      'no WEBHOOK_SECRET: deliveries wait until it is set, for nothing is sent unsigned',
    );
    await call();
    await deliveries('waiting', ({ state, attempts }) => state === 'waiting' && attempts === 0);
    expect(backend.requests.filter(({ group }) => group === 'webhooks')).toEqual([]);

    await worker.stop();
    backend.setSecret(STANDARD_SECRET);
    await installation.startWorker({ WEBHOOK_SECRET: STANDARD_SECRET });
    await wholeRecord(installation);
    nothingTwice();
  });

  it('tell a receiver of tampered bodies and of a wrong secret', async () => {
    await start({}, 'builtin');
    const { backend } = installation;
    backend.setSecret('another-made-up-secret');
    await call();
    await deliveries('refused', ({ lastStatus }) => lastStatus === 401);
    expect(received()).toEqual([]);
    backend.setSecret(SIM_SECRET);
    const { raw, path, headers } = await backend.waitForEvent(
      ({ event }) => event === 'call.ended',
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
