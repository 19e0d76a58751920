import { expect, it } from 'vitest';
import { type TestApi, testApi } from '../testing/test_api.ts';
import { endedCall } from '../testing/written_call.ts';

/** A call whose deliveries to the default endpoint have all been given up. */
async function failedCall(api: TestApi): Promise<string> {
  const callId = await endedCall(api.store);
  const attempt = { at: Date.now(), durationMs: 8, status: 503, error: 'status', response: 'down' };
  for (const { id, claimId } of await api.store.claimJobs({
    limit: 50,
    perTarget: 50,
    leaseMs: 60_000,
  })) {
    await api.store.settleJobs([{ jobId: id, claimId, attempt, next: { state: 'exhausted' } }]);
  }
  return callId;
}

const list = async (api: TestApi, query: string) =>
  (await api.request('GET', `/v1/deliveries?${query}`)).body.deliveries;

it('deliveries are listed by call, endpoint and state, and shown with their attempts', async () => {
  const api = await testApi();
  const callId = await failedCall(api);
  const all = await list(api, `callId=${callId}`);
  expect(all.length).toBeGreaterThan(2);
  const webhooks = await list(api, 'endpointId=whe_default&state=exhausted');
  expect(webhooks.map(({ kind }: { kind: string }) => kind)).not.toContain('crm_write');
  expect(await list(api, 'state=done')).toEqual([]);
  expect(await list(api, 'callId=call_other')).toEqual([]);

  const { delivery } = (await api.request('GET', `/v1/deliveries/${webhooks[0].id}`)).body;
  expect(delivery).toMatchObject({
    ...webhooks[0],
    state: 'exhausted',
    lastStatus: 503,
    nextAttemptAt: null,
    log: [{ durationMs: 8, status: 503, error: 'status', response: 'down' }],
  });
});

it('a delivery that was given up is sent again, once', async () => {
  const api = await testApi();
  await failedCall(api);
  const [given] = await list(api, 'endpointId=whe_default');
  const retry = () => api.request('POST', `/v1/deliveries/${given.id}/retry`);
  const first = await retry();
  expect(first).toMatchObject({
    status: 202,
    body: { delivery: { eventId: given.eventId, target: given.target, state: 'waiting' } },
  });
  expect(first.body.delivery.id).not.toBe(given.id);
  const replay = { id: first.body.delivery.id, state: 'waiting' };
  expect((await api.request('GET', `/v1/deliveries/${given.id}`)).body.delivery).toMatchObject({
    state: 'exhausted',
    replay,
  });
  expect(await retry()).toMatchObject({ status: 200, body: { delivery: { id: given.id } } });
  const waiting = await api.request('POST', `/v1/deliveries/${first.body.delivery.id}/retry`);
  expect(waiting).toMatchObject({ status: 200, body: { delivery: { state: 'waiting' } } });
});

it('a delivery whose content was deleted is gone', async () => {
  const api = await testApi();
  const callId = await failedCall(api);
  const [given] = await list(api, 'endpointId=whe_default');
  await api.request('DELETE', `/v1/calls/${callId}/content`);
  expect(await api.request('POST', `/v1/deliveries/${given.id}/retry`)).toMatchObject({
    status: 410,
    body: { error: { code: 'redacted' } },
  });
});
