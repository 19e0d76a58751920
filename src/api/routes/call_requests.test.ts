import { describe, expect, it } from 'vitest';
import { simplified } from '../../ingest/testing/bodies.ts';
import { apiThatCalls, type GateRules } from '../testing/api_that_calls.ts';
import { type TestApi, testApi } from '../testing/test_api.ts';
import { liveCall } from '../testing/written_call.ts';

const PHONE = '+12025550123';

/** The API that places calls, and the quickest way to ask for one. */
async function callingApi(rules: Partial<GateRules> = {}) {
  const calling = await apiThatCalls(rules);
  const place = (more: Record<string, unknown> = {}, headers: Record<string, string> = {}) =>
    calling.api.request('POST', '/v1/calls', {
      body: { agentId: 'receptionist', phoneNumber: PHONE, knownConsent: true, ...more },
      headers,
    });
  return { ...calling, place };
}

const jobsOf = async ({ store }: TestApi) =>
  (await store.claimJobs({ limit: 100, perTarget: 100, leaseMs: 1000 })).filter(
    ({ kind }) => kind === 'dial',
  );

describe('a call that is asked for', () => {
  it('is written down with the job that dials it, and shown', async () => {
    const { api, place } = await callingApi();
    const { status, body } = await place({ metadata: { lead: 7 }, variables: { a: '', b: null } });
    expect(status).toBe(202);
    expect(body.call).toMatchObject({
      status: 'queued',
      direction: 'outbound',
      from: '+15550100000',
      to: PHONE,
      metadata: { lead: 7 },
      gate: { acceptance: { allowed: true } },
    });
    const { variables, ...listed } = body.call;
    expect(variables).toEqual({ a: '', b: null });
    expect((await api.request('GET', `/v1/calls/${body.call.id}`)).body).toEqual(body);
    expect((await api.request('GET', '/v1/calls')).body.calls).toEqual([listed]);
    const found = async (filter: string) =>
      (await api.request('GET', `/v1/calls?${new URLSearchParams(filter)}`)).body.calls.length;
    expect(await found(`phoneNumber=${PHONE.slice(1)}`)).toBe(1);
    expect(await found('phoneNumber=15550100099')).toBe(0);
    expect(await found(`since=${body.call.createdAt}`)).toBe(1);
    expect(await found('since=2100-01-01T00:00:00Z')).toBe(0);
    expect(await api.request('GET', '/v1/calls?phoneNumber=nobody')).toMatchObject({
      status: 400,
      body: { error: { details: { issues: [{ field: 'phoneNumber' }] } } },
    });
    expect(await jobsOf(api)).toMatchObject([{ body: { call: body.call.id } }]);
    expect(await api.store.getCall(body.call.id)).toMatchObject({ apiKeyId: 'env' });
  });

  it('is one for each idempotency key, of the body or the header', async () => {
    const { api, place } = await callingApi();
    const first = await place({ idempotencyKey: 'k' });
    const same = await place({}, { 'idempotency-key': 'k' });
    expect(same).toMatchObject({ status: 202, body: { call: { id: first.body.call.id } } });
    expect(await place({ idempotencyKey: 'k', metadata: { other: 1 } })).toMatchObject({
      status: 409,
      body: { error: { code: 'idempotency_conflict' } },
    });
    expect(await jobsOf(api)).toHaveLength(1);
  });

  // The one of the header was forgotten, and a retry without a body's key would have called again.
  it('is none where body and header have different keys', async () => {
    const { api, place } = await callingApi();
    expect(await place({ idempotencyKey: 'b' }, { 'idempotency-key': 'a' })).toMatchObject({
      status: 400,
      body: {
        error: {
          code: 'invalid_request',
          message: expect.stringMatching(/^idempotencyKey: .* Idempotency-Key/),
        },
      },
    });
    expect(await jobsOf(api)).toEqual([]);
    const both = await place({ idempotencyKey: 'a' }, { 'idempotency-key': ' a ' });
    expect(both.status).toBe(202);
  });

  it('from 50 requests at once is one', async () => {
    const { api, place } = await callingApi();
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => place({ idempotencyKey: 'k' })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    expect(new Set(answers.map(({ body }) => body.call.id)).size).toBe(1);
    expect(await jobsOf(api)).toHaveLength(1);
  });

  it.each([
    ['without consent', { knownConsent: false }, 422, 'consent_required'],
    ['to an emergency number', { phoneNumber: '911' }, 422, 'invalid_number'],
    ['to a premium-rate number', { phoneNumber: '+19005550123' }, 422, 'invalid_number'],
    ['to no number', { phoneNumber: 'mother' }, 422, 'invalid_number'],
    ['of an unknown agent', { agentId: 'nobody' }, 400, 'invalid_request'],
    ['from no number', { fromNumber: 'me' }, 400, 'invalid_request'],
    ['in ten years', { scheduledFor: '2099-01-01T00:00:00Z' }, 400, 'invalid_request'],
    ['with too large metadata', { metadata: { a: 'x'.repeat(17_000) } }, 400, 'invalid_request'],
    ['with a too large variable', { variables: { a: 'x'.repeat(5_000) } }, 400, 'invalid_request'],
  ])('%s is refused, and nothing is written', async (_, more, status, code) => {
    const { api, place } = await callingApi();
    expect(await place(more)).toMatchObject({ status, body: { error: { code } } });
    expect(await api.store.listCalls({ limit: 1 })).toEqual([]);
  });

  // "Invalid input: expected string, received undefined", and of which key was anybody's guess.
  it('is refused in plain words, each key with its own', async () => {
    const { api } = await callingApi();
    const body = { phoneNumber: 4, knownConsent: 'yes', scheduledFor: 'soon', metadata: [] };
    expect((await api.request('POST', '/v1/calls', { body })).body.error.details.issues).toEqual([
      { field: 'agentId', message: 'is missing' },
      { field: 'phoneNumber', message: 'must be text' },
      { field: 'metadata', message: 'must be a group of keys' },
      { field: 'knownConsent', message: 'must be true or false' },
      { field: 'scheduledFor', message: 'must be a time such as 2026-01-31T09:30:00Z' },
    ]);
  });

  // The answer was that it goes on, for days, and not what to do about that.
  it('keeps its content while it waits, and says that it is to be ended first', async () => {
    const { api, place } = await callingApi();
    const scheduledFor = new Date(Date.now() + 86_400_000).toISOString();
    const url = `/v1/calls/${(await place({ scheduledFor })).body.call.id}`;
    const refused = await api.request('DELETE', `${url}/content`);
    expect(refused).toMatchObject({ status: 409, body: { error: { code: 'call_not_ended' } } });
    expect(refused.body.error.message).toContain('End it first (POST /v1/calls/{id}/end)');
    await api.request('POST', `${url}/end`);
    expect((await api.request('DELETE', `${url}/content`)).status).toBe(204);
  });

  it('takes 100 variables of 4 KB', async () => {
    const { place } = await callingApi();
    const value = 'x'.repeat(4_090);
    const variables = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`v${i}`, value]));
    expect((await place({ variables })).status).toBe(202);
    expect((await place({ variables: { ...variables, more: 1 } })).status).toBe(400);
  });

  it('is refused once its number or its key has had its calls', async () => {
    const { place } = await callingApi({ callsPerNumberPerDay: 2, dailyCalls: 3 });
    const capped = { status: 422, body: { error: { code: 'cap_reached' } } };
    const all = await Promise.all([place(), place(), place()]);
    expect(all.filter(({ status }) => status === 202)).toHaveLength(2);
    expect(await place()).toMatchObject(capped);
    expect((await place({ phoneNumber: '+12025550124' })).status).toBe(202);
    expect(await place({ phoneNumber: '+12025550125' })).toMatchObject(capped);
  });

  it('is refused with 403 while dialling is switched off, and 503 where there is no trunk', async () => {
    const { place } = await callingApi({ dialling: false });
    expect(await place()).toMatchObject({
      status: 403,
      body: { error: { code: 'public_api_disabled' } },
    });
    const api = await testApi();
    const body = { agentId: 'receptionist', phoneNumber: PHONE };
    expect(await api.request('POST', '/v1/calls', { body })).toMatchObject({
      status: 503,
      body: { error: { code: 'unavailable' } },
    });
  });
});

describe('a call that is ended', () => {
  it('before it was dialled never is', async () => {
    const { api, place, rooms } = await callingApi();
    const scheduledFor = new Date(Date.now() + 60_000).toISOString();
    const { body } = await place({ scheduledFor });
    expect(body.call.status).toBe('scheduled');
    const { id } = body.call;
    const ended = await api.request('POST', `/v1/calls/${id}/end`);
    expect(ended).toMatchObject({
      status: 200,
      body: { call: { status: 'ended', endReason: 'ended_by_api' } },
    });
    expect(rooms).toEqual([id]);
    expect(await api.store.takeForDialling(id, 1_000)).toEqual({ status: 'ended' });
    expect(await api.request('POST', `/v1/calls/${id}/end`)).toMatchObject({
      status: 200,
      body: { call: { endReason: 'ended_by_api' } },
    });
  });

  it('runs on where it is of another platform, which alone can end it', async () => {
    const { api, rooms } = await callingApi();
    await api.request('POST', '/api/calls/webhook', { body: simplified('call.answered') });
    const [{ id }] = (await api.request('GET', '/v1/calls')).body.calls;
    expect(await api.request('POST', `/v1/calls/${id}/end`)).toMatchObject({
      status: 200,
      body: { call: { id, provider: 'harbour-glue', status: 'active', endReason: null } },
    });
    expect(rooms).toEqual([]);
  });

  it('while it goes on loses its room, and its own process writes the end', async () => {
    const { api, rooms } = await callingApi();
    const id = await liveCall(api.store);
    const ending = api.request('POST', `/v1/calls/${id}/end`);
    await expect.poll(() => rooms).toHaveLength(1);
    const events = [
      {
        id: 'evt_end' as const,
        type: 'call.ended',
        time: Date.now(),
        data: { end_reason: 'ended_by_api' },
      },
    ];
    await api.store.append([{ callId: id, events }]);
    expect(await ending).toMatchObject({ status: 200, body: { call: { status: 'ended' } } });
  });

  it('is no error where LiveKit cannot delete its room just now', async () => {
    const { api, rooms, livekit } = await callingApi();
    livekit.isStuck = true;
    const id = await liveCall(api.store);
    const endings = [1, 2, 3].map(() => api.request('POST', `/v1/calls/${id}/end`));
    await expect.poll(() => rooms).toHaveLength(3);
    const data = { end_reason: 'ended_by_api' };
    const end = { id: 'evt_end' as const, type: 'call.ended', time: Date.now(), data };
    await api.store.append([{ callId: id, events: [end] }]);
    expect((await Promise.all(endings)).map(({ status }) => status)).toEqual([200, 200, 200]);
    // For the sweep, should its process die of it.
    const facts = await api.store.listFacts(id);
    expect(facts.map(({ kind }) => kind)).toEqual(['end_requested']);
  });

  it('that nobody knows is 404', async () => {
    const { api } = await callingApi();
    expect((await api.request('POST', '/v1/calls/call_x/end')).status).toBe(404);
  });
});
