import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CrmBackend } from '../../sim/crm/crm_backend.ts';
import { createSecretBox } from '../config/secret_box.ts';
import type { EndpointRecord } from '../store/endpoint_store.ts';
import type { ClaimedJob } from '../store/store.ts';
import { storedEndpoints } from './stored_endpoint.ts';
import { eventBody } from './testing/memory_jobs.ts';
import { WebhookHandler } from './webhook_handler.ts';

/* Endpoints that the API made: read from the store at each attempt. */

const [NEW, OLD] = ['made-up-new-secret', 'made-up-old-secret'];
const box = createSecretBox({ current: randomBytes(32), previous: [] });

let backend: CrmBackend;
let record: EndpointRecord | null;
let handler: WebhookHandler;
let now: number;

beforeEach(async () => {
  now = Date.now();
  backend = new CrmBackend({ secret: NEW });
  const { url } = await backend.start();
  record = {
    id: 'whe_1',
    name: 'backend',
    url: `${url}/webhook`,
    ordered: false,
    signatures: ['standard', 'timestamped'],
    status: 'active',
    disabledReason: null,
    secret: box.seal(NEW),
    previousSecret: null,
    previousUntil: null,
    failingSince: null,
    lastSuccessAt: null,
    createdAt: 0,
  };
  handler = new WebhookHandler({
    endpoints: storedEndpoints({
      store: { getEndpoint: () => Promise.resolve(record) },
      openSecret: box.open,
      clock: () => now,
    }),
    allowNetworks: ['127.0.0.1'],
    holdMs: 500,
  });
});
afterEach(async () => {
  await handler.close();
  await backend.stop();
});

const change = (over: Partial<EndpointRecord>) => {
  record = record && { ...record, ...over };
};
const job = (over: Partial<ClaimedJob> = {}): ClaimedJob => ({
  id: 'dlv_1',
  claimId: 'claim',
  kind: 'webhook',
  target: 'whe_1',
  attempt: 1,
  refusals: 0,
  callId: 'call_1',
  createdAt: 0,
  event: { id: 'evt_1', type: 'call.ended', body: eventBody('call.ended') },
  body: {},
  ...over,
});
const attempt = (over: Partial<ClaimedJob> = {}) =>
  handler.attempt(job(over), new AbortController().signal);

it('gets the stored bytes in the families it asked for, and never the bare one', async () => {
  expect((await attempt()).verdict.kind).toBe('success');
  change({ signatures: ['standard'] });
  await attempt({ id: 'dlv_2' });
  const seen = [...backend.received, ...backend.refused].map(({ raw, verified }) => [
    raw,
    verified,
  ]);
  const body = eventBody('call.ended');
  expect(seen).toEqual([
    [body, expect.objectContaining({ standard: true, timestamped: true })],
    [body, expect.objectContaining({ standard: true })],
  ]);
  expect(backend.received[0]?.headers).not.toHaveProperty('x-signature');
  expect(backend.received[1]?.headers).not.toHaveProperty('x-webhook-signature');
});

describe('while two secrets overlap', () => {
  beforeEach(() => change({ previousSecret: box.seal(OLD), previousUntil: now + 1000 }));

  const headersOf = async (over: Partial<ClaimedJob>) => {
    await attempt({ ...over, id: `dlv_${Math.random()}` });
    const all = [...backend.received, ...backend.refused];
    return all.at(-1)?.headers ?? {};
  };

  it('signs with both where a header can hold both', async () => {
    const headers = await headersOf({});
    expect(String(headers['webhook-signature']).split(' ')).toHaveLength(2);
    now += 1000;
    const later = await headersOf({});
    expect(String(later['webhook-signature']).split(' ')).toHaveLength(1);
  });

  it('takes the other one after each refused attempt where it holds one', async () => {
    change({ signatures: ['timestamped'] });
    const taken: boolean[] = [];
    backend.setSecret(OLD);
    for (const refusals of [0, 1, 2, 3]) {
      const { attempt: tried } = await attempt({ id: `dlv_old_${refusals}`, refusals });
      taken.push(tried.status === 200);
    }
    expect(taken).toEqual([false, true, false, true]);
    now += 1000;
    expect((await attempt({ id: 'dlv_over', refusals: 1 })).attempt.status).toBe(401);
  });
});

describe('an attempt is not made, and costs nothing,', () => {
  it.each([
    ['resting', { status: 'paused' }],
    ['resting', { status: 'disabled' }],
    ['unreadable_secret', { secret: 'sealed with a key that is lost' }],
    ['invalid_url', { url: 'no url' }],
  ] as const)('for the reason %s: %o', async (error, over) => {
    change(over);
    expect(await attempt()).toMatchObject({ attempt: { error }, verdict: { kind: 'hold' } });
    expect(backend.requests).toEqual([]);
  });

  it('while the store does not answer', async () => {
    const broken = new WebhookHandler({ endpoints: () => Promise.reject(new Error('busy')) });
    const outcome = await broken.attempt(job(), new AbortController().signal);
    expect(outcome).toMatchObject({ attempt: { error: 'store' }, verdict: { kind: 'hold' } });
    await broken.close();
  });
});

describe('out of reach', () => {
  it('is what is private, unless it was opened', async () => {
    change({ url: backend.url.replace('127.0.0.1', '127.0.0.2') });
    expect((await attempt()).attempt.error).toBe('address_refused');
  });

  it('is plain http to the public', async () => {
    change({ url: 'http://93.184.216.34/' });
    expect(await attempt()).toMatchObject({
      attempt: { error: 'plain_http_refused' },
      verdict: { kind: 'retry' },
    });
  });

  it('is where a redirect leads', async () => {
    backend.behave('webhooks', { mode: 'redirect' });
    expect((await attempt()).attempt.error).toBe('redirect');
    expect(backend.requests).toHaveLength(1);
  });
});

it('was deleted while its delivery was claimed: nobody needs to be told', async () => {
  record = null;
  const outcome = await attempt();
  expect(outcome.verdict.kind).toBe('final');
  expect(handler.result(job(), outcome, 'exhausted')).toBeNull();
});

it('causes no event about a test that failed', async () => {
  backend.behave('webhooks', { mode: 'status', status: 500 });
  const event = { id: 'evt_2', type: 'webhook.test', body: '{}' } as const;
  const outcome = await attempt({ event, callId: null });
  expect(handler.result(job({ event }), outcome, 'exhausted')).toBeNull();
});

it('is read once for all attempts that ask at the same time, and anew for the next', async () => {
  let reads = 0;
  const endpointOf = storedEndpoints({
    store: {
      getEndpoint: () => {
        reads += 1;
        return Promise.resolve(record);
      },
    },
    openSecret: box.open,
  });
  await Promise.all([endpointOf('whe_1'), endpointOf('whe_1'), endpointOf('whe_2')]);
  expect(reads).toBe(2);
  change({ status: 'paused' });
  const endpoint = await endpointOf('whe_1');
  expect(reads).toBe(3);
  expect(endpoint?.destination('call.ended')).toEqual({ status: 'hold', reason: 'resting' });
});

it('is read again after a read that failed', async () => {
  let fails = true;
  const endpointOf = storedEndpoints({
    store: {
      getEndpoint: () => (fails ? Promise.reject(new Error('busy')) : Promise.resolve(record)),
    },
    openSecret: box.open,
  });
  await expect(endpointOf('whe_1')).rejects.toThrow('busy');
  fails = false;
  expect(await endpointOf('whe_1')).toMatchObject({ id: 'whe_1' });
});
