import { describe, expect, it } from 'vitest';
import { type TestApi, testApi } from '../testing/test_api.ts';
import { endedCall } from '../testing/written_call.ts';

const NEW = { name: 'CRM', url: 'https://backend.example/hook' };

async function makeWebhook(api: TestApi, body: object = NEW) {
  const answer = await api.request('POST', '/v1/webhooks', { body });
  expect(answer).toMatchObject({ status: 201 });
  return answer.body as { webhook: { id: string }; signingSecret: string };
}

describe('an endpoint', () => {
  it('is made with a secret that is shown once and sealed in the store', async () => {
    const api = await testApi();
    const { webhook, signingSecret } = await makeWebhook(api);
    expect(webhook).toEqual({
      id: expect.stringMatching(/^whe_[0-9a-z]{26}$/),
      ...NEW,
      ordered: false,
      signatures: ['standard', 'timestamped'],
      status: 'active',
      disabledReason: null,
      failingSince: null,
      lastSuccessAt: null,
      previousSecretUntil: null,
      createdAt: expect.stringMatching(/Z$/),
    });
    const key = Buffer.from(signingSecret.slice('whsec_'.length), 'base64');
    expect(signingSecret).toBe(`whsec_${key.toString('base64')}`);
    expect(key).toHaveLength(32);

    const stored = await api.store.getEndpoint(webhook.id);
    expect(JSON.stringify(stored)).not.toContain(signingSecret);
    expect(api.secrets.open(stored!.secret)).toBe(signingSecret);
    expect(await api.request('GET', `/v1/webhooks/${webhook.id}`)).toMatchObject({
      status: 200,
      body: { webhook },
    });
    expect(api.logged.join('')).not.toContain(signingSecret);
  });

  it('takes what is sent beside, and nothing that is wrong', async () => {
    const api = await testApi();
    await makeWebhook(api, { ...NEW, events: ['*'], ordered: true, signatures: ['timestamped'] });
    for (const [field, value] of [
      ['name', ''],
      ['name', 7],
      ['name', 'x'.repeat(201)],
      ['name', 'C\0RM'],
      ['name', 'C\u001b[31mRM'],
      ['name', 'one\ntwo'],
      ['url', 'backend.example'],
      ['url', 'ftp://backend.example'],
      ['url', 'https://user:made-up@backend.example'],
      ['url', 'https://backend.example/#there'],
      ['url', 'https://inside.private/'],
      ['url', `https://backend.example/${'x'.repeat(2_000)}`],
      ['ordered', 'yes'],
      ['signatures', []],
      ['signatures', ['plain']],
    ] as const) {
      const answer = await api.request('POST', '/v1/webhooks', {
        body: { ...NEW, [field]: value },
      });
      expect({ field, value, ...answer }).toMatchObject({
        status: 400,
        body: {
          error: {
            code: 'invalid_request',
            details: { issues: [{ field: expect.stringContaining(field) }] },
          },
        },
      });
      expect(JSON.stringify(answer.body)).not.toContain('made-up');
    }
  });

  it('is changed, paused and enabled again', async () => {
    const api = await testApi();
    const { webhook } = await makeWebhook(api);
    const url = `/v1/webhooks/${webhook.id}`;
    const patch = async (body: object) => (await api.request('PATCH', url, { body })).body;
    expect(await patch({ name: 'Other', ordered: true })).toMatchObject({
      webhook: { name: 'Other', ordered: true, url: NEW.url },
    });
    expect(await patch({ status: 'paused' })).toMatchObject({ webhook: { status: 'paused' } });
    expect(await patch({ status: 'active' })).toMatchObject({ webhook: { status: 'active' } });
    expect(await patch({})).toMatchObject({ webhook: { name: 'Other' } });
    expect(await patch({ status: 'disabled' })).toMatchObject({ error: {} });
    expect(await patch({ url: 'https://inside.private/' })).toMatchObject({ error: {} });
  });

  it('has two secrets for a day after a rotation', async () => {
    const api = await testApi();
    const { webhook, signingSecret: old } = await makeWebhook(api);
    const { body } = await api.request('POST', `/v1/webhooks/${webhook.id}/rotate-secret`);
    expect(body.signingSecret).toMatch(/^whsec_/);
    expect(body.signingSecret).not.toBe(old);
    const hours = (Date.parse(body.webhook.previousSecretUntil) - Date.now()) / 3_600_000;
    expect(hours).toBeCloseTo(24, 1);
    const stored = await api.store.getEndpoint(webhook.id);
    expect(api.secrets.open(stored!.secret)).toBe(body.signingSecret);
    expect(api.secrets.open(stored!.previousSecret!)).toBe(old);
  });

  it('is tested with an event of its own', async () => {
    const api = await testApi();
    const { webhook } = await makeWebhook(api);
    const { status, body } = await api.request('POST', `/v1/webhooks/${webhook.id}/test`, {
      headers: { 'content-type': 'application/json' },
    });
    expect(status).toBe(202);
    const { delivery } = (await api.request('GET', `/v1/deliveries/${body.deliveryId}`)).body;
    expect(delivery).toMatchObject({
      target: webhook.id,
      kind: 'webhook',
      eventType: 'webhook.test',
      state: 'waiting',
      attempts: 0,
      log: [],
    });
  });

  // The test of a paused endpoint was answered as if it were sent, and its sender waited in vain.
  it('is not tested while it rests, which is said with the remedy', async () => {
    const api = await testApi();
    const { webhook } = await makeWebhook(api);
    const test = () => api.request('POST', `/v1/webhooks/${webhook.id}/test`);
    for (const status of ['paused', 'disabled'] as const) {
      await api.store.updateEndpoint(webhook.id, { status });
      expect(await test()).toMatchObject({
        status: 409,
        body: {
          error: {
            code: 'webhook_not_active',
            message: expect.stringContaining('"status": "active"'),
            details: { status },
          },
        },
      });
    }
    expect((await api.request('GET', '/v1/deliveries')).body.deliveries).toEqual([]);
    await api.store.updateEndpoint(webhook.id, { status: 'active' });
    expect(await test()).toMatchObject({ status: 202 });
  });

  it('of the environment is told where it is configured, and can be replayed', async () => {
    const api = await testApi();
    for (const [method, path, body] of [
      ['GET', '', undefined],
      ['PATCH', '', { status: 'paused' }],
      ['DELETE', '', undefined],
      ['POST', '/test', undefined],
      ['POST', '/rotate-secret', undefined],
    ] as const) {
      const answer = await api.request(method, `/v1/webhooks/whe_default${path}`, { body });
      expect({ method, path, ...answer }).toMatchObject({
        status: 404,
        body: { error: { code: 'not_found', message: expect.stringContaining('WEBHOOK_URL') } },
      });
    }
    await endedCall(api.store);
    for (const job of await api.store.claimJobs({ limit: 50, perTarget: 50, leaseMs: 60_000 })) {
      const attempt = { at: Date.now(), durationMs: 1, status: 500, error: 'status', response: '' };
      const next = { state: 'exhausted' } as const;
      await api.store.settleJobs([{ jobId: job.id, claimId: job.claimId, attempt, next }]);
    }
    const { status, body } = await api.request('POST', '/v1/webhooks/whe_default/replay', {
      body: { onlyFailed: true },
    });
    expect(status).toBe(202);
    const query = 'endpointId=whe_default&state=waiting';
    const { deliveries } = (await api.request('GET', `/v1/deliveries?${query}`)).body;
    expect(deliveries.map(({ id }: { id: string }) => id).sort()).toEqual(body.deliveryIds.sort());
    expect(deliveries).not.toEqual([]);
  });

  it('is deleted with its triggers', async () => {
    const api = await testApi();
    const { webhook } = await makeWebhook(api);
    const trigger = { name: 'All', eventType: '*', webhookEndpointId: webhook.id };
    await api.request('POST', '/v1/automation-triggers', { body: trigger });
    const gone = await api.request('DELETE', `/v1/webhooks/${webhook.id}`);
    expect(gone).toMatchObject({ status: 204, body: '' });
    expect((await api.request('GET', `/v1/webhooks/${webhook.id}`)).status).toBe(404);
    expect((await api.request('GET', '/v1/automation-triggers')).body.triggers).toEqual([]);
  });

  it('is listed in pages, newest first, each once', async () => {
    const api = await testApi();
    for (let n = 0; n < 5; n++) await makeWebhook(api, { ...NEW, name: `n${n}` });
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const query = `limit=2${cursor && `&cursor=${cursor}`}`;
      const { body } = await api.request('GET', `/v1/webhooks?${query}`);
      expect(body.webhooks.length).toBeLessThanOrEqual(2);
      seen.push(...body.webhooks.map(({ id }: { id: string }) => id));
      cursor = body.nextCursor;
    }
    expect(new Set(seen).size).toBe(5);
    expect(seen).toEqual([...seen].sort().reverse());
  });
});

describe('a replay', () => {
  it('sends again what the endpoint had, but for what is still on its way', async () => {
    const api = await testApi();
    const { webhook } = await makeWebhook(api);
    const trigger = { name: 'Ends', eventType: 'call.ended', webhookEndpointId: webhook.id };
    await api.request('POST', '/v1/automation-triggers', { body: trigger });
    const callId = await endedCall(api.store);
    const replay = async (body?: object) =>
      (await api.request('POST', `/v1/webhooks/${webhook.id}/replay`, { body })).body;
    expect(await replay({ callId })).toEqual({ deliveryIds: [] });

    for (const job of await api.store.claimJobs({ limit: 50, perTarget: 50, leaseMs: 60_000 })) {
      const attempt = { at: Date.now(), durationMs: 1, status: 500, error: 'status', response: '' };
      const next = { state: 'exhausted' } as const;
      await api.store.settleJobs([{ jobId: job.id, claimId: job.claimId, attempt, next }]);
    }
    expect(await replay({ callId: 'call_other' })).toEqual({ deliveryIds: [] });
    expect(await replay({ since: '2999-01-01T00:00:00Z' })).toEqual({ deliveryIds: [] });
    const { deliveryIds } = await replay({ onlyFailed: true, since: null });
    expect(deliveryIds).toHaveLength(1);
    expect(await replay()).toEqual({ deliveryIds: [] });
    expect(await replay({ since: 'yesterday' })).toMatchObject({ error: {} });
    // An empty variable of somebody's script: everything was sent again.
    expect(await replay({ callId: '' })).toMatchObject({ error: { code: 'invalid_request' } });

    const failed = (await api.request('GET', '/v1/deliveries?state=exhausted')).body.deliveries;
    expect(failed).toContainEqual(
      expect.objectContaining({ target: webhook.id, lastStatus: 500, attempts: 1 }),
    );
    await api.request('DELETE', `/v1/calls/${callId}/content`);
    const [ended] = failed.filter(({ target }: { target: string }) => target === webhook.id);
    const again = await api.request('POST', `/v1/webhooks/${webhook.id}/replay`, {
      body: { callId },
    });
    expect({ ...ended, ...again }).toMatchObject({
      status: 410,
      body: { error: { code: 'redacted' } },
    });
  });
});
