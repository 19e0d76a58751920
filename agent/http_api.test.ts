import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { WebhookInbox } from '../sim/crm/webhook_inbox.ts';
import { CALLER } from '../src/api/testing/written_call.ts';
import type { Profiles } from '../src/config/profiles.ts';
import { loadSettings } from '../src/config/settings.ts';
import { draftEvent } from '../src/events/catalogue.ts';
import { newId } from '../src/ids.ts';
import type { LiveKitApi } from '../src/telephony/livekit_api.ts';
import { startHttpApi } from './http_api.ts';
import { startRecord } from './record.ts';
import { commandFolder } from './testing/run_command.ts';

/** Made up. */
const API_KEY = 'a-made-up-key-of-the-environment';

const livekit = { rooms: { listRooms: () => Promise.resolve([]) } } as unknown as LiveKitApi;
const profiles: Profiles = { all: [], forNumber: () => null };

function settingsIn(cwd: string, env: Record<string, string> = {}) {
  const some = { DATA_DIR: 'data', PORT: '0', API_KEY, ALLOW_NETWORKS: '127.0.0.1' };
  return loadSettings({ cwd, env: { ...some, ...env } });
}

/** The worker's record and API, without LiveKit and without calls. */
async function workerIn(folder: string) {
  const settings = settingsIn(folder);
  const record = await startRecord(settings, { livekit, liveCalls: () => 0, profiles });
  const api = await startHttpApi(settings, { record, profiles, livekit });
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= (async () => {
      await api?.close();
      await record.close();
    })();
    return closed;
  };
  onTestFinished(close);
  const request = async (method: string, path: string, body?: object) => {
    const answer = await fetch(`${api?.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: await answer.text() };
  };
  return { record, request, close };
}

/** A receiver with a secret that is learned later. */
async function receiver() {
  const inbox = new WebhookInbox();
  const secrets: string[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const { url: path = '/', headers } = request;
      const answer = inbox.receive({ path, headers, body: Buffer.from(body) }, secrets);
      response.writeHead(answer.status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { inbox, secrets, url: `http://127.0.0.1:${port}/hook` };
}

it('an endpoint made over the API gets the events of the worker, signed with its secret', async () => {
  const folder = await commandFolder();
  const { record, request, close } = await workerIn(folder);
  const { inbox, secrets, url } = await receiver();
  const made = JSON.parse((await request('POST', '/v1/webhooks', { name: 'CRM', url })).body);
  secrets.push(made.signingSecret);
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
    .poll(() => inbox.received.map(({ event }) => event), { timeout: 15_000 })
    .toEqual(['call.started']);
  expect(inbox.received[0]?.verified).toEqual({ standard: true, timestamped: true, plain: false });

  await request('POST', `/v1/webhooks/${made.webhook.id}/test`);
  await expect.poll(() => inbox.received.at(-1)?.event, { timeout: 15_000 }).toBe('webhook.test');
  await expect
    .poll(async () => (await request('GET', '/metrics')).body, { timeout: 15_000 })
    .toContain('callwire_delivery_attempts_total{kind="webhook",outcome="success"} 2');
  expect(await request('GET', '/readyz')).toMatchObject({
    status: 200,
    body: expect.stringContaining('"livekit":{"ok":true}'),
  });
  await close();

  const again = await workerIn(folder);
  expect(await again.request('GET', `/v1/webhooks/${made.webhook.id}`)).toMatchObject({
    status: 200,
    body: expect.stringMatching(/"lastSuccessAt":"/),
  });
}, 60_000);

it('wrong prices stop the start, before DATA_DIR is touched', async () => {
  const settings = settingsIn(await commandFolder(), { PRICES_FILE: 'nowhere.json' });
  const parts = { livekit, liveCalls: () => 0, profiles };
  await expect(startRecord(settings, parts)).rejects.toMatchObject({
    code: 'PRICES_INVALID',
    message: expect.stringContaining('nowhere.json'),
  });
  await startRecord({ ...settings, pricesFile: undefined }, parts).then((record) => record.close());
});

it('SERVER=off leaves the API out', async () => {
  const folder = await commandFolder();
  const settings = settingsIn(folder, { SERVER: 'off' });
  const record = await startRecord(settings, { livekit, liveCalls: () => 0, profiles });
  expect(await startHttpApi(settings, { record, profiles, livekit })).toBeNull();
  await record.close();
});
