import { expect, it } from 'vitest';
import { testApi } from '../testing/test_api.ts';

const PHONE = '+15550100001';

it('a number is suppressed once, however often and however it is written', async () => {
  const api = await testApi();
  const added = await api.request('POST', '/v1/suppressions', {
    body: { phone: ' +1 (555) 010-0001 ', reason: ' asked us to stop ', unknown: 1 },
  });
  expect(added).toMatchObject({
    status: 201,
    body: {
      suppression: {
        id: expect.stringMatching(/^sup_/),
        phone: PHONE,
        source: 'api',
        reason: 'asked us to stop',
        callId: null,
        createdAt: expect.stringMatching(/Z$/),
      },
    },
  });
  const again = await api.request('POST', '/v1/suppressions', {
    body: { phoneNumber: '15550100001', phone: '', reason: 'another one' },
  });
  expect(again).toMatchObject({ status: 200, body: added.body });
});

it('refuses two numbers that differ: one of them would not be on the list', async () => {
  const api = await testApi();
  const post = (phoneNumber: string) =>
    api.request('POST', '/v1/suppressions', { body: { phone: PHONE, phoneNumber } });
  expect(await post('+15550100505')).toMatchObject({
    status: 400,
    body: { error: { message: 'phoneNumber: is another than phone: send one of them' } },
  });
  expect(await post(PHONE)).toMatchObject({ status: 201 });
});

it('without a reason there is none', async () => {
  const api = await testApi();
  for (const [index, reason] of [undefined, null, '', '  '].entries()) {
    const body = { phone: `+1555010000${index}`, reason };
    const { suppression } = (await api.request('POST', '/v1/suppressions', { body })).body;
    expect(suppression.reason).toBeNull();
  }
});

it.each([
  ['its id', (id: string) => id],
  ['its number', () => '%2B15550100001'],
  ['its number, with a bare plus', () => '+15550100001'],
  ['its number, without a plus', () => '15550100001'],
])('it is shown and taken off by %s', async (_, name) => {
  const api = await testApi();
  const body = { phone: PHONE };
  const { suppression } = (await api.request('POST', '/v1/suppressions', { body })).body;
  const url = `/v1/suppressions/${name(suppression.id)}`;
  expect(await api.request('GET', url)).toMatchObject({ status: 200, body: { suppression } });
  expect(await api.request('DELETE', url)).toMatchObject({ status: 204 });
  expect(await api.request('DELETE', url)).toMatchObject({ status: 404 });
  expect(await api.request('GET', url)).toMatchObject({ status: 404 });
  expect(await api.store.getSuppression(PHONE)).toBeNull();
});

it('the list is paged, newest first, and asked for one number', async () => {
  const api = await testApi();
  const phones = Array.from({ length: 5 }, (_, index) => `+1555010000${index}`);
  for (const phone of phones) await api.request('POST', '/v1/suppressions', { body: { phone } });
  const seen: string[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const behind: string = cursor && `&cursor=${cursor}`;
    const { body } = await api.request('GET', `/v1/suppressions?limit=2${behind}`);
    seen.push(...body.suppressions.map(({ phone }: { phone: string }) => phone));
    cursor = body.nextCursor;
  }
  expect(seen).toEqual(phones.toReversed());

  const one = await api.request('GET', '/v1/suppressions?phone=%2B1%20555%20010%200003');
  expect(one.body).toMatchObject({ suppressions: [{ phone: '+15550100003' }], nextCursor: null });
  const none = await api.request('GET', '/v1/suppressions?phone=15550100009');
  expect(none.body).toEqual({ suppressions: [], nextCursor: null });
});

it.each([
  [{}],
  [{ phone: null }],
  [{ phone: '' }],
  [{ phone: '911' }],
  [{ phone: '5550100001' }],
  [{ phone: 15550100001 }],
  [{ phone: PHONE, reason: 'x'.repeat(1_001) }],
])('%j is refused', async (body) => {
  const api = await testApi();
  expect(await api.request('POST', '/v1/suppressions', { body })).toMatchObject({
    status: 400,
    body: {
      error: { code: 'invalid_request', details: { issues: [{ field: expect.any(String) }] } },
    },
  });
});

it('a key that may read the list cannot change it', async () => {
  const api = await testApi();
  const key = await api.makeKey('calls:read');
  const body = { phone: PHONE };
  expect((await api.request('POST', '/v1/suppressions', { key, body })).status).toBe(403);
  expect((await api.request('DELETE', '/v1/suppressions/sup_x', { key })).status).toBe(403);
  expect((await api.request('GET', '/v1/suppressions', { key })).status).toBe(200);
});
