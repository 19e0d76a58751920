import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type SignatureFamily, signRequest } from '../../src/events/signatures.ts';
import { CrmBackend } from './crm_backend.ts';

const SECRET = 'made-up-secret';
const KEY = 'made-up-key';
const ADA = { id: 'c-1', name: 'Ada Quinn', phone: '+15550100001', accountStatus: 'gold' };

let backend: CrmBackend;
let url: string;

beforeEach(async () => {
  backend = new CrmBackend({ contacts: [ADA], apiKey: KEY, secret: SECRET });
  ({ url } = await backend.start());
});
afterEach(() => backend.stop());

async function post(path: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(url + path, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { Authorization: `Bearer ${KEY}`, ...headers },
    redirect: 'manual',
    signal: AbortSignal.timeout(5000),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text };
}

const event = (id: string, type = 'call.ended') =>
  JSON.stringify({
    id,
    event: type,
    call_id: 'call_1',
    sequence: 3,
    timestamp: new Date().toISOString(),
    data: { call_id: 'call_1' },
  });

function signed(body: string, families: SignatureFamily[], secret = SECRET) {
  return signRequest({
    families,
    secrets: { current: secret },
    eventId: 'evt_1',
    deliveryId: 'dlv_1',
    timestampInSeconds: Math.floor(Date.now() / 1000),
    body,
  });
}

describe('the CRM', () => {
  it('finds contacts by phone, however it is written, and by text', async () => {
    const byPhone = await post('/contacts/search', { filter: { phone: '+1 555 010-0001' } });
    expect(JSON.parse(byPhone.text)).toEqual({ results: [ADA] });
    const byText = await post('/contacts/search', { query: 'quinn' });
    expect(JSON.parse(byText.text)).toEqual({ results: [ADA] });
    const nobody = await post('/contacts/search', { filter: { phone: '+15550100099' } });
    expect(JSON.parse(nobody.text)).toEqual({ results: [] });
  });

  it('asks for the key', async () => {
    const answer = await post('/contacts/search', { query: 'a' }, { Authorization: 'Bearer no' });
    expect(answer.status).toBe(401);
  });

  it('does a write once per Idempotency-Key', async () => {
    const note = { text: 'Wants a demo', source: 'ai-agent' };
    const first = await post('/contacts/c-1/notes', note, { 'Idempotency-Key': 'note_1' });
    const again = await post('/contacts/c-1/notes', note, { 'Idempotency-Key': 'note_1' });
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.text).toBe(first.text);
    await post('/contacts/c-1/activities', { type: 'call' }, { 'Idempotency-Key': 'job_1' });
    const unknown = { type: 'note', phone: '+15550100099', summary: 'Asked for prices' };
    await post('/activities', unknown, { 'Idempotency-Key': 'note_2' });
    expect(backend.writes).toMatchObject([
      { operation: 'note', contactId: 'c-1', body: note, idempotencyKey: 'note_1' },
      { operation: 'activity', contactId: 'c-1', body: { type: 'call' } },
      { operation: 'unknown_caller', contactId: null, body: unknown },
    ]);
    expect(backend.repeatedWrites).toBe(1);
  });

  it('refuses what it does not know', async () => {
    const note = { text: 'x', source: 'ai-agent' };
    expect((await post('/contacts/nobody/notes', note)).status).toBe(404);
    expect((await post('/contacts/c-1/notes', {})).status).toBe(400);
    expect((await post('/elsewhere', {})).status).toBe(404);
  });
});

describe('the webhook receiver', () => {
  it('verifies every family on the raw bytes', async () => {
    const body = event('evt_1').replace('"sequence":3', '"sequence" : 3');
    const headers = signed(body, ['standard', 'timestamped', 'plain']);
    expect((await post('/webhooks/call', body, headers)).status).toBe(200);
    expect(backend.received).toMatchObject([
      {
        path: '/webhooks/call',
        event: 'call.ended',
        id: 'evt_1',
        deliveryId: 'dlv_1',
        sequence: 3,
        verified: { standard: true, timestamped: true, plain: true },
      },
    ]);
  });

  it('refuses one wrong signature among right ones, and none at all', async () => {
    const body = event('evt_1');
    const mixed = {
      ...signed(body, ['standard', 'timestamped']),
      ...signed(body, ['plain'], 'another-made-up-secret'),
    };
    expect((await post('/webhook', body, mixed)).status).toBe(401);
    expect((await post('/webhook', body)).status).toBe(401);
    expect(backend.received).toEqual([]);
    expect(backend.refused.map(({ verified }) => verified)).toEqual([
      { standard: true, timestamped: true, plain: false },
      { standard: false, timestamped: false, plain: false },
    ]);
  });

  it('lets tests wait for an event, past or to come', async () => {
    const later = backend.waitForEvent(({ id }) => id === 'evt_2', AbortSignal.timeout(5000));
    for (const id of ['evt_1', 'evt_2']) {
      const body = event(id);
      await post('/webhook', body, signed(body, ['standard', 'timestamped']));
    }
    expect((await later).id).toBe('evt_2');
    const past = backend.waitForEvent(({ id }) => id === 'evt_1', AbortSignal.timeout(5000));
    expect((await past).id).toBe('evt_1');
    const never = backend.waitForEvent(() => false, AbortSignal.timeout(10));
    await expect(never).rejects.toThrow('received: call.ended, call.ended');
  });
});

describe('misbehaviour', () => {
  const search = () => post('/contacts/search', { query: 'ada' });

  it('is switched per group and at any time', async () => {
    backend.behave('lookup', { mode: 'status', status: 503, headers: { 'Retry-After': '7' } });
    const refused = await search();
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '7']);
    const note = { text: 'x', source: 'ai-agent' };
    expect((await post('/contacts/c-1/notes', note)).status).toBe(201);
    backend.behave('lookup', { mode: 'ok' });
    expect((await search()).status).toBe(200);
  });

  it('can be limited to some requests', async () => {
    backend.behave('lookup', { mode: 'status', status: 500, times: 2 });
    const statuses = [await search(), await search(), await search()].map(({ status }) => status);
    expect(statuses).toEqual([500, 500, 200]);
  });

  it('answers with garbage, too much, late, elsewhere or not at all', async () => {
    backend.behave('lookup', { mode: 'garbage' });
    const garbage = await search();
    expect(() => JSON.parse(garbage.text)).toThrow(SyntaxError);
    backend.behave('lookup', { mode: 'huge' });
    expect((await search()).text).toHaveLength(10 * 1024 * 1024);
    backend.behave('lookup', { mode: 'slow', ms: 5 });
    expect(JSON.parse((await search()).text)).toEqual({ results: [ADA] });
    backend.behave('lookup', { mode: 'redirect' });
    expect((await search()).status).toBe(302);
    backend.behave('lookup', { mode: 'vanish' });
    await expect(search()).rejects.toThrow('fetch failed');
  });

  it('answers what it holds when it is let go', async () => {
    const held = Promise.withResolvers<void>();
    backend.behave('lookup', { mode: 'held', until: held.promise });
    const found = search();
    await expect.poll(() => backend.requests).toHaveLength(1);
    expect(backend.requests).toMatchObject([{ status: null }]);
    held.resolve();
    expect(JSON.parse((await found).text)).toEqual({ results: [ADA] });
  });

  it('never answers a hanging request, also when it goes away', async () => {
    backend.behave('lookup', { mode: 'hang' });
    const hanging = search();
    const ended = expect(hanging).rejects.toThrow();
    await expect.poll(() => backend.requests).toHaveLength(1);
    await backend.stop();
    await ended;
    expect(backend.requests).toMatchObject([{ status: null }]);
  });

  it('comes back on the same port with everything it knew', async () => {
    await post('/contacts/c-1/notes', { text: 'x', source: 'ai-agent' });
    await backend.stop();
    await expect(search()).rejects.toThrow('fetch failed');
    const again = await backend.start();
    expect(again.url).toBe(url);
    expect((await search()).status).toBe(200);
    expect(backend.writes).toHaveLength(1);
  });
});
