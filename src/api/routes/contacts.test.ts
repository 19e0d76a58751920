import { expect, it } from 'vitest';
import { draftEvent } from '../../events/catalogue.ts';
import { testApi } from '../testing/test_api.ts';
import { endedCall, write } from '../testing/written_call.ts';

const ADA = { phone: '+1 (555) 010-0001', name: 'Ada', email: 'ada@example.com' };

it('a contact is added once, and updated when it comes again', async () => {
  const api = await testApi();
  const added = await api.request('POST', '/v1/contacts', {
    body: { ...ADA, fields: { Tier: 'gold', Age: 36, Vip: true, Note: null }, unknown: 1 },
  });
  expect(added).toMatchObject({
    status: 201,
    body: {
      contact: {
        id: expect.stringMatching(/^con_/),
        phone: '+15550100001',
        name: 'Ada',
        accountStatus: null,
        fields: { Tier: 'gold', Age: '36', Vip: 'true' },
      },
    },
  });
  const again = await api.request('POST', '/v1/contacts', {
    body: { phone: '+15550100001', name: null, email: '', accountStatus: 'active' },
  });
  expect(again).toMatchObject({
    status: 200,
    body: { contact: { ...added.body.contact, accountStatus: 'active' } },
  });
});

it('a contact is shown, changed and emptied', async () => {
  const api = await testApi();
  const { contact } = (await api.request('POST', '/v1/contacts', { body: ADA })).body;
  const url = `/v1/contacts/${contact.id}`;
  expect((await api.request('GET', url)).body).toEqual({ contact });
  const changed = await api.request('PATCH', url, {
    body: { name: null, email: '', fields: { City: 'Bath', Tier: 'gold' } },
  });
  expect(changed.body.contact).toMatchObject({ name: null, email: null, phone: contact.phone });
  const without = await api.request('PATCH', url, { body: { fields: { City: null } } });
  expect(without.body.contact.fields).toEqual({ Tier: 'gold' });
  expect((await api.request('GET', url)).body).toEqual(without.body);
});

it('a name or a value that is no text is refused; several lines are text', async () => {
  const api = await testApi();
  const post = (body: object) =>
    api.request('POST', '/v1/contacts', { body: { phone: ADA.phone, ...body } });
  for (const [field, body] of [
    ['name', { name: 'Ada\0Lovelace' }],
    ['name', { name: 'Ada\u001b[2J' }],
    ['name', { name: 'Ada\nLovelace' }],
    ['email', { email: 'ada\u007f@example.com' }],
    ['accountStatus', { accountStatus: 'act\0ive' }],
    ['fields', { fields: { Note: 'a\0b' } }],
    ['fields', { fields: { 'No\0te': 'a' } }],
  ] as const) {
    const answer = await post(body);
    expect({ field, ...answer }).toMatchObject({
      status: 400,
      body: {
        error: {
          code: 'invalid_request',
          message: expect.stringContaining('must not hold control characters'),
          details: { issues: [{ field: expect.stringContaining(field) }] },
        },
      },
    });
  }
  const lines = { lastInteraction: 'Called.\nAsked twice.', fields: { Note: 'one\r\n\ttwo' } };
  expect(await post(lines)).toMatchObject({ status: 201, body: { contact: lines } });
});

it('two contacts never have one number', async () => {
  const api = await testApi();
  await api.request('POST', '/v1/contacts', { body: ADA });
  const other = { phone: '+15550100002' };
  const { contact } = (await api.request('POST', '/v1/contacts', { body: other })).body;
  const url = `/v1/contacts/${contact.id}`;
  expect(await api.request('PATCH', url, { body: { phone: ADA.phone } })).toMatchObject({
    status: 400,
    body: { error: { details: { issues: [{ field: 'phone' }] } } },
  });
  const third = { phone: '+15550100003' };
  expect((await api.request('PATCH', url, { body: third })).body.contact).toMatchObject(third);
});

it('contacts are found by number and by text, in pages', async () => {
  const api = await testApi();
  for (let n = 1; n <= 3; n++) {
    const body = { phone: `+1555010000${n}`, name: n === 3 ? 'Bo' : `Ada ${n}` };
    await api.request('POST', '/v1/contacts', { body });
  }
  const names = async (query: string) =>
    (await api.request('GET', `/v1/contacts?${query}`)).body.contacts.map(
      ({ name }: { name: string }) => name,
    );
  expect(await names('query=ada')).toEqual(['Ada 2', 'Ada 1']);
  expect(await names(`phone=${encodeURIComponent('+15550100003')}`)).toEqual(['Bo']);
  const { body } = await api.request('GET', '/v1/contacts?limit=2');
  expect(await names(`cursor=${body.nextCursor}`)).toEqual(['Ada 1']);
  // A phone number in a URL is personal data: URLs are never logged.
  expect(api.logged.join('')).not.toContain('5550100003');
});

it('a contact tells of its calls', async () => {
  const api = await testApi();
  const { contact } = (await api.request('POST', '/v1/contacts', { body: ADA })).body;
  const none = { callCount: 0, lastCallDate: null, lastCallDuration: null, lastOutcome: null };
  expect(contact).toMatchObject(none);
  const time = Date.UTC(2026, 0, 1);
  const callId = await endedCall(api.store, time);
  const rest = { extraction: null, recording_url: null, recording_expires_at: null };
  const completed = draftEvent('call.completed', { outcome: 'CALLBACK', ...rest });
  await write(api.store, { callId, events: [completed] });
  const { body } = await api.request('GET', `/v1/contacts/${contact.id}`);
  expect(body.contact).toMatchObject({
    callCount: 1,
    lastCallDate: '2026-01-01T00:00:01.000Z',
    lastCallDuration: 30,
    lastOutcome: 'CALLBACK',
  });
});

it('a contact is deleted with its notes', async () => {
  const api = await testApi();
  const { contact } = (await api.request('POST', '/v1/contacts', { body: ADA })).body;
  const note = { id: 'note_1', contactId: contact.id, phone: null, kind: 'note' as const, time: 1 };
  await api.store.addContactEntry({ ...note, data: { text: 'made up' } });
  expect((await api.request('DELETE', `/v1/contacts/${contact.id}`)).status).toBe(204);
  expect((await api.request('GET', `/v1/contacts/${contact.id}`)).status).toBe(404);
  expect(await api.store.listContactEntries(contact.id)).toEqual([]);
});

it.each([
  ['phone', '100'],
  ['phone', null],
  ['phone', 'anonymous'],
  ['name', 7],
  ['fields', { Tier: { nested: true } }],
  ['fields', Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`f${n}`, 'x']))],
])('a contact whose %s is %j is refused', async (field, value) => {
  const api = await testApi();
  const answer = await api.request('POST', '/v1/contacts', { body: { ...ADA, [field]: value } });
  expect(answer).toMatchObject({
    status: 400,
    body: { error: { details: { issues: [{ field: expect.stringContaining(field) }] } } },
  });
});
