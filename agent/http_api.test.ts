import { expect, it, onTestFinished } from 'vitest';
import { CrmBackend } from '../sim/crm/crm_backend.ts';
import { CALLER } from '../src/api/testing/written_call.ts';
import { draftEvent } from '../src/events/catalogue.ts';
import { newId } from '../src/ids.ts';
import { startHttpApi } from './http_api.ts';
import { startRecord } from './record.ts';
import { commandFolder } from './testing/run_command.ts';
import { idle, livekit, profiles, runningApi, settingsIn } from './testing/running_api.ts';

it('an endpoint made over the API gets the events of the worker, signed with its secret', async () => {
  const folder = await commandFolder();
  const { record, request, close } = await runningApi(folder);
  const backend = new CrmBackend();
  onTestFinished(() => backend.stop());
  const { url } = await backend.start();
  const { body: made } = await request('POST', '/v1/webhooks', {
    name: 'CRM',
    url: `${url}/webhook`,
  });
  backend.setSecret(made.signingSecret);
  await request('POST', '/v1/automation-triggers', {
    name: 'All',
    eventType: '*',
    webhookEndpointId: made.webhook.id,
  });

  const id = newId('call');
  const time = Date.now();
  const open = { from: CALLER, to: '+15550100000', agentId: 'a', room: 'r', metadata: {}, time };
  await record.ledger.append({
    callId: id,
    open: { id, direction: 'inbound', ...open },
    events: [draftEvent('call.started', {})],
  });
  await expect
    .poll(() => backend.received.map(({ event }) => event), { timeout: 15_000 })
    .toEqual(['call.started']);
  expect(backend.received[0]?.verified).toEqual({
    standard: true,
    timestamped: true,
    plain: false,
  });

  await request('POST', `/v1/webhooks/${made.webhook.id}/test`);
  await expect.poll(() => backend.received.at(-1)?.event, { timeout: 15_000 }).toBe('webhook.test');
  await expect
    .poll(async () => (await request('GET', '/metrics')).body, { timeout: 15_000 })
    .toContain('callwire_delivery_attempts_total{kind="webhook",outcome="success"} 2');
  expect(await request('GET', '/readyz')).toEqual({
    status: 200,
    body: {
      status: 'ready',
      checks: {
        database: { ok: true },
        deliveries: { ok: true, waiting: 0, oldestWaitingSeconds: null },
        livekit: { ok: true },
      },
    },
  });
  await close();

  const again = await runningApi(folder);
  expect(await again.request('GET', `/v1/webhooks/${made.webhook.id}`)).toMatchObject({
    status: 200,
    body: { webhook: { lastSuccessAt: expect.any(String) } },
  });
}, 60_000);

it('wrong prices stop the start, before DATA_DIR is touched', async () => {
  const settings = settingsIn(await commandFolder(), { PRICES_FILE: 'nowhere.json' });
  const parts = { livekit, load: idle, profiles };
  await expect(startRecord(settings, parts)).rejects.toMatchObject({
    code: 'PRICES_INVALID',
    message: expect.stringContaining('nowhere.json'),
  });
  await startRecord({ ...settings, pricesFile: undefined }, parts).then((record) => record.close());
});

it('SERVER=off leaves the API out', async () => {
  const folder = await commandFolder();
  const settings = settingsIn(folder, { SERVER: 'off' });
  const record = await startRecord(settings, { livekit, load: idle, profiles });
  expect(
    await startHttpApi(settings, { record, profiles, livekit, takeNotice: () => undefined }),
  ).toBeNull();
  await record.close();
});
