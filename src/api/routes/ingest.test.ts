import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { CALLER, elevenlabs, retell, simplified, vapi } from '../../ingest/testing/bodies.ts';
import { INGEST_SECRETS, type TestApi, testApi } from '../testing/test_api.ts';

const PATH = '/api/calls/webhook';
const UNAUTHORIZED = { error: 'Unauthorized', message: 'Invalid or missing API key' };

function post(api: TestApi, body: unknown, headers: Record<string, string> = {}) {
  const options = { key: null, headers: { 'content-type': 'application/json', ...headers } };
  return api.request('POST', PATH, { body: body as object, ...options });
}

const hmac = (secret: string, text: string) =>
  createHmac('sha256', secret).update(text).digest('hex');

function retellHeaders(text: string, at = Date.now()): Record<string, string> {
  return { 'x-retell-signature': `v=${at},d=${hmac(INGEST_SECRETS.retell, `${text}${at}`)}` };
}

describe('POST /api/calls/webhook', () => {
  it('takes a key of the scope ingest, in either header, or of the environment', async () => {
    const api = await testApi();
    const key = await api.makeKey('ingest');
    for (const headers of [{ authorization: `Bearer ${key}` }, { 'x-api-key': key }]) {
      expect(await post(api, simplified('call.ringing'), headers)).toMatchObject({
        status: 200,
        body: {
          success: true,
          message: 'Webhook processed successfully',
          callId: 'sim_1',
          id: expect.stringMatching(/^call_/),
        },
      });
    }
    expect((await api.request('POST', PATH, { body: simplified('call.answered') })).status).toBe(
      200,
    );
    const [call] = (await api.request('GET', '/v1/calls')).body.calls;
    expect(call).toMatchObject({
      provider: 'harbour-glue',
      providerCallId: 'sim_1',
      status: 'active',
    });
  });

  it("takes a platform's own signature without a key", async () => {
    const api = await testApi();
    const text = JSON.stringify(retell.started(), null, 2);
    expect(await post(api, text, retellHeaders(text))).toMatchObject({ status: 200 });
    const secret = { 'x-vapi-secret': INGEST_SECRETS.vapi };
    expect(await post(api, vapi.ringing(), secret)).toMatchObject({ status: 200 });
    const glue = JSON.stringify(simplified('call.ringing'));
    const signature = { 'x-webhook-signature': hmac(INGEST_SECRETS.generic, glue) };
    expect(await post(api, glue, signature)).toMatchObject({ status: 200 });
  });

  it('answers 401 to all else, keeps nothing of it, and counts it', async () => {
    const api = await testApi();
    const other = await api.makeKey('calls:write', 'calls:read', 'webhooks');
    const text = JSON.stringify(retell.started());
    const stale = retellHeaders(text, Date.now() - 400_000);
    const refused = [
      {},
      { authorization: 'Bearer wrong' },
      { 'x-api-key': other },
      { 'x-retell-signature': 'v=1,d=00' },
      stale,
      { 'x-webhook-signature': 'x' },
      // A right key does not mend a wrong signature.
      { authorization: `Bearer ${await api.makeKey('ingest')}`, ...stale },
    ];
    for (const headers of refused) {
      expect(await post(api, text, headers)).toMatchObject({ status: 401, body: UNAUTHORIZED });
      // Before the body is looked at.
      expect((await post(api, 'garbage', headers)).status).toBe(401);
    }
    expect((await api.request('GET', '/v1/calls')).body.calls).toEqual([]);
    expect(api.logged.join('')).not.toContain(CALLER);
    const metrics: string = (await api.request('GET', '/metrics')).body;
    const counted = [
      ...metrics.matchAll(/^callwire_ingest_requests_total\{.*unauthorized.*\} (\d+)$/gm),
    ];
    expect(counted.reduce((sum, [, count]) => sum + Number(count), 0)).toBe(2 * refused.length);
  });

  it('answers 400 to what has no call, and 413 to what is too large', async () => {
    const api = await testApi();
    const key = { authorization: `Bearer ${await api.makeKey('ingest')}` };
    expect(await post(api, { provider: 'retell', event: 'call.completed' }, key)).toMatchObject({
      status: 400,
      body: { error: 'Invalid webhook payload', message: 'Missing required field: callId' },
    });
    for (const garbage of ['{"a": ', '[]', '"text"', '\u0000', '']) {
      expect(await post(api, garbage, key)).toMatchObject({
        status: 400,
        body: { error: 'Invalid webhook payload' },
      });
    }
    const huge = `"${'x'.repeat(9 * 1024 * 1024)}"`;
    expect(await post(api, huge, key)).toMatchObject({ status: 413 });
    expect(await post(api, huge)).toMatchObject({ status: 401 });
  });

  it('answers 500 where it cannot be written, so that it comes again', async () => {
    const api = await testApi();
    await api.store.close();
    const secret = { 'x-vapi-secret': INGEST_SECRETS.vapi };
    expect(await post(api, vapi.ringing(), secret)).toMatchObject({
      status: 500,
      body: { error: 'Internal server error', message: 'Failed to process webhook' },
    });
  });

  it('is not held up by the limit of a key', async () => {
    const api = await testApi({ writesPerMinute: 1 });
    const key = { authorization: `Bearer ${await api.makeKey('ingest')}` };
    for (const event of ['call.initiated', 'call.ringing', 'call.answered']) {
      expect((await post(api, simplified(event), key)).status).toBe(200);
    }
  });
});

async function known({ store }: TestApi): Promise<string> {
  const nothing = {
    email: null,
    accountStatus: null,
    lastInteraction: null,
    preferredLanguage: null,
  };
  await store.importContacts([{ phone: CALLER, name: 'Ida Example', ...nothing, fields: {} }]);
  const [contact] = await store.findContacts({ phone: CALLER, limit: 1 });
  return contact?.id ?? '';
}

describe('a platform asks', () => {
  it('who is calling, and is told what the CRM knows', async () => {
    const api = await testApi();
    const contactId = await known(api);
    const key = { authorization: `Bearer ${await api.makeKey('ingest')}` };
    const variables = expect.objectContaining({ customer_name: 'Ida Example' });
    expect((await post(api, retell.inbound(), key)).body).toEqual({
      call_inbound: { dynamic_variables: variables, metadata: { contactId } },
    });
    expect((await post(api, elevenlabs.initiation(), key)).body).toEqual({
      type: 'conversation_initiation_client_data',
      dynamic_variables: expect.objectContaining({ customer_name: 'Ida Example', contactId }),
    });
    expect((await post(api, vapi.assistantRequest(), key)).body).toEqual({
      assistantId: 'a5515747-0000-4000-8000-00000000000b',
      assistantOverrides: { variableValues: variables, metadata: { contactId } },
    });
  });

  it('for a function, and gets the result in its own form', async () => {
    const api = await testApi();
    await known(api);
    const key = { authorization: `Bearer ${await api.makeKey('ingest')}` };
    const found = { status: 'found', contact: { name: 'Ida Example' } };
    const text = JSON.stringify(found);
    expect((await post(api, vapi.toolCalls(), key)).body).toEqual({
      results: [{ name: 'lookup_crm', toolCallId: 'tc_1', result: text }],
    });
    expect((await post(api, vapi.functionCall(), key)).body).toEqual({ result: text });
    expect((await post(api, retell.customFunction(), key)).body).toEqual(found);
    const others = retell.customFunction({ phone: '+15550100099' });
    expect((await post(api, others, key)).body).toEqual({ status: 'not_allowed' });
  });
});
