import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CrmBackend } from '../../sim/crm/crm_backend.ts';
import type { CrmActivity, CrmNote } from './crm.ts';
import { HttpCrmWriter } from './http_crm_writer.ts';

const PHONE = '+15550100001';
const NOTE: CrmNote = {
  id: 'note_made_up',
  operation: 'note',
  contactId: 'c-1',
  phone: PHONE,
  text: 'Wants a call on Monday.',
};
const ACTIVITY: CrmActivity = {
  id: 'job_made_up',
  operation: 'activity',
  contactId: 'c-1',
  phone: PHONE,
  activity: {
    type: 'call',
    phone: PHONE,
    duration_seconds: 12,
    intent: null,
    summary: null,
    transfer_to: null,
  },
};

describe('writing over HTTP', () => {
  let backend: CrmBackend;
  let writer: HttpCrmWriter;
  beforeEach(async () => {
    backend = new CrmBackend({ contacts: [{ id: 'c-1', name: 'Ada Quinn', phone: PHONE }] });
    writer = new HttpCrmWriter({ url: (await backend.start()).url, apiKey: undefined });
  });
  afterEach(() => backend.stop());

  const write = (entry: CrmNote | CrmActivity) => writer.write(entry, AbortSignal.timeout(10_000));

  it('sends a note with its source and its key', async () => {
    expect(await write(NOTE)).toMatchObject({ ok: true, contactId: 'c-1', status: 201 });
    expect(backend.writes).toMatchObject([
      {
        operation: 'note',
        contactId: 'c-1',
        body: { text: NOTE.text, source: 'ai-agent' },
        idempotencyKey: 'note_made_up',
      },
    ]);
  });

  it('sends an activity as it is', async () => {
    await write(ACTIVITY);
    expect(backend.writes).toMatchObject([{ operation: 'activity', body: ACTIVITY.activity }]);
  });

  it('sends what belongs to nobody to /activities', async () => {
    await write({ ...NOTE, contactId: null });
    await write({ ...ACTIVITY, contactId: null });
    expect(backend.requests.map(({ path }) => path)).toEqual(['/activities', '/activities']);
    expect(backend.writes.map(({ body }) => body)).toEqual([
      { type: 'note', phone: PHONE, summary: NOTE.text },
      ACTIVITY.activity,
    ]);
  });

  it.each([
    [400, false],
    [401, false],
    [404, false],
    [408, true],
    [409, false],
    [422, false],
    [429, true],
    [500, true],
    [503, true],
  ])('takes a %i for one to be tried again: %j', async (status, retryable) => {
    backend.behave('writes', { mode: 'status', status });
    expect(await write(NOTE)).toMatchObject({ ok: false, retryable, code: 'status', status });
  });

  it('finally refuses to follow a redirect', async () => {
    backend.behave('writes', { mode: 'redirect' });
    expect(await write(NOTE)).toMatchObject({ ok: false, retryable: false, code: 'redirect' });
    expect(backend.requests).toHaveLength(1);
  });

  it.each([
    ['7', 7_000],
    ['Wed, 21 Oct 2015 07:28:00 GMT', undefined],
    ['soon', undefined],
  ])('reads Retry-After: %s', async (header, retryAfterMs) => {
    backend.behave('writes', { mode: 'status', status: 429, headers: { 'Retry-After': header } });
    const result = await write(NOTE);
    expect('retryAfterMs' in result ? result.retryAfterMs : undefined).toBe(retryAfterMs);
  });

  it('takes any answer of a success for one, and keeps 4 KB of it', async () => {
    backend.behave('writes', { mode: 'huge' });
    const result = await write(NOTE);
    expect(result).toMatchObject({ ok: true, contactId: 'c-1' });
    expect(result.response).toHaveLength(4096);
  });

  it('finally refuses an id that no header can carry', async () => {
    expect(await write({ ...NOTE, id: 'two\r\nlines' })).toMatchObject({
      ok: false,
      retryable: false,
      code: 'invalid_request',
    });
  });
});
