import { expect, it } from 'vitest';
import { type TestApi, testApi } from '../testing/test_api.ts';
import { endedCall } from '../testing/written_call.ts';

async function endpoint(api: TestApi): Promise<string> {
  const body = { name: 'CRM', url: 'https://backend.example/hook' };
  return (await api.request('POST', '/v1/webhooks', { body })).body.webhook.id;
}

it('a trigger is made, shown, listed and deleted', async () => {
  const api = await testApi();
  const webhookEndpointId = await endpoint(api);
  const body = {
    name: 'Missed',
    eventType: 'call.ended',
    webhookEndpointId,
    conditions: { end_reason: ['busy', 'no_answer'], direction: 'outbound', late: true },
  };
  const made = await api.request('POST', '/v1/automation-triggers', { body });
  expect(made).toMatchObject({
    status: 201,
    body: {
      trigger: {
        id: expect.stringMatching(/^trg_/),
        name: 'Missed',
        eventType: 'call.ended',
        webhookEndpointId,
        conditions: { end_reason: ['busy', 'no_answer'], direction: ['outbound'], late: ['true'] },
      },
    },
  });
  const { trigger } = made.body;
  const url = `/v1/automation-triggers/${trigger.id}`;
  expect((await api.request('GET', url)).body).toEqual({ trigger });
  const list = async (query = '') =>
    (await api.request('GET', `/v1/automation-triggers${query}`)).body.triggers;
  expect(await list()).toEqual([trigger]);
  expect(await list(`?webhookEndpointId=${webhookEndpointId}`)).toEqual([trigger]);
  expect(await list('?webhookEndpointId=whe_other')).toEqual([]);
  expect((await api.request('DELETE', url)).status).toBe(204);
  expect(await list()).toEqual([]);
});

it('events go where triggers send them, by type and condition', async () => {
  const api = await testApi();
  const webhookEndpointId = await endpoint(api);
  const make = (eventType: string, conditions?: object) =>
    api.request('POST', '/v1/automation-triggers', {
      body: { name: eventType, eventType, webhookEndpointId, conditions },
    });
  await make('call.answered');
  await make('call.ended', { end_reason: 'busy' });
  await make('transcript.final', { role: 'caller' });
  await endedCall(api.store);
  const { body } = await api.request('GET', `/v1/deliveries?endpointId=${webhookEndpointId}`);
  expect(body.deliveries.map(({ eventType }: { eventType: string }) => eventType).sort()).toEqual([
    'call.answered',
    'transcript.final',
  ]);
});

it.each([
  ['eventType', 'call.exploded'],
  ['eventType', 'toString'],
  ['eventType', 'webhook.test'],
  ['eventType', ''],
  ['conditions', { end_reason: [] }],
  ['conditions', { end_reason: { not: 'busy' } }],
  ['conditions', []],
])('a trigger whose %s is %j is refused', async (field, value) => {
  const api = await testApi();
  const body = { name: 'x', eventType: '*', webhookEndpointId: await endpoint(api) };
  const answer = await api.request('POST', '/v1/automation-triggers', {
    body: { ...body, [field]: value },
  });
  expect(answer).toMatchObject({
    status: 400,
    body: { error: { details: { issues: [{ field: expect.stringContaining(field) }] } } },
  });
});

it('a trigger of no endpoint says which field is meant', async () => {
  const api = await testApi();
  const body = { name: 'x', eventType: '*', webhookEndpointId: 'whe_unknown', conditions: null };
  expect(await api.request('POST', '/v1/automation-triggers', { body })).toMatchObject({
    status: 404,
    body: { error: { message: expect.stringContaining('webhookEndpointId') } },
  });
});
