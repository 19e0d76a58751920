import { createHmac } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ReceivedEvent } from '../sim/crm/webhook_inbox.ts';
import { SIM_API_KEY } from '../sim/installation/installation.ts';
import { waitFor } from '../sim/installation/wait_for.ts';
import {
  bland,
  CALLER,
  CREDENTIAL,
  elevenlabs,
  retell,
  SIMPLIFIED_STORY,
  simplified,
  TRANSCRIPT,
  vapi,
} from '../src/ingest/testing/bodies.ts';
import { sharedInstallation } from './shared_installation.ts';

/** Made up. */
const SECRETS = {
  RETELL_API_KEY: 'key_made_up_retell_0001',
  VAPI_SERVER_SECRET: 'made_up_vapi_secret_0001',
  BLAND_WEBHOOK_SECRET: 'made_up_bland_secret_0001',
  ELEVENLABS_WEBHOOK_SECRET: 'wsec_made_up_elevenlabs_0001',
  INGEST_SECRET: 'made_up_ingest_secret_0001',
};

const EXTRACTION = { summary: 'Ida comes on Thursday.', interested: true, outcome: 'APPOINTMENT' };

const hmac = (secret: string, text: string) =>
  createHmac('sha256', secret).update(text).digest('hex');

type Headers = Record<string, string>;

/** As each platform signs what it sends. */
const signed = {
  retell(text: string, at = Date.now()): Headers {
    return { 'x-retell-signature': `v=${at},d=${hmac(SECRETS.RETELL_API_KEY, `${text}${at}`)}` };
  },
  vapi: (): Headers => ({ 'x-vapi-secret': SECRETS.VAPI_SERVER_SECRET }),
  bland(text: string): Headers {
    return { 'x-webhook-signature': hmac(SECRETS.BLAND_WEBHOOK_SECRET, text) };
  },
  elevenlabs(text: string): Headers {
    const t = Math.floor(Date.now() / 1_000);
    const v0 = hmac(SECRETS.ELEVENLABS_WEBHOOK_SECRET, `${t}.${text}`);
    return { 'elevenlabs-signature': `t=${t},v0=${v0}` };
  },
  simplified(text: string): Headers {
    return { 'x-webhook-signature': hmac(SECRETS.INGEST_SECRET, text) };
  },
};

/*
 * Webhooks of other platforms into a real worker's API, each signed as its platform does, and what the
 * backend gets of them, its signatures verified.
 */
describe('calls of other platforms', () => {
  const installation = sharedInstallation({
    number: '+15550107250',
    contacts: [{ id: 'c21', name: 'Ida Example', phone: CALLER }],
    scenario: `turns: []\nextraction: ${JSON.stringify(EXTRACTION)}\n`,
    env: { ...SECRETS, INGEST_STALE_AFTER: '3s' },
  });

  async function post(body: unknown, headers: Headers | ((text: string) => Headers)) {
    const { url } = await installation.worker.waitForLine(
      ({ msg }) => msg === 'the HTTP API listens',
    );
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const proof = typeof headers === 'function' ? headers(text) : headers;
    const answer = await fetch(`${url}/api/calls/webhook`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...proof },
      body: text,
    });
    // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of a body
    return { status: answer.status, body: (await answer.json()) as any };
  }

  /** Our id of the call. */
  async function told(
    bodies: readonly unknown[],
    headers: Headers | ((text: string) => Headers),
  ): Promise<string> {
    let id = '';
    for (const body of bodies) {
      const answer = await post(body, headers);
      expect(answer).toMatchObject({ status: 200, body: { success: true } });
      id = answer.body.id;
    }
    return id;
  }

  const eventsOf = (id: string) =>
    installation.backend.received.filter(({ body }) => body.call_id === id);

  async function completed(id: string): Promise<ReceivedEvent> {
    return await waitFor(() => eventsOf(id).find(({ event }) => event === 'call.completed'), {
      what: `call.completed of ${id} at the backend`,
    });
  }

  it.each([
    ['retell', [retell.started(), retell.ended(), retell.analyzed()]],
    ['vapi', [vapi.report(), vapi.ended(), vapi.ringing()]],
    ['bland', [bland.live(), bland.postCall()]],
    ['elevenlabs', [elevenlabs.transcription()]],
  ] as const)('of %s reach the backend like our own', async (platform, bodies) => {
    const id = await told(bodies, signed[platform]);
    const { data } = (await completed(id)).body;
    expect(data).toMatchObject({
      provider: platform,
      outcome: 'APPOINTMENT',
      extraction: { summary: 'The caller comes on Thursday.' },
      transcript: TRANSCRIPT,
      contact: { id: 'c21', phone: CALLER },
    });
    const events = eventsOf(id);
    for (const { verified } of events) {
      expect(verified).toEqual({ standard: true, timestamped: true, plain: true });
    }
    const types = new Set(events.map(({ event }) => event));
    for (const type of ['call.started', 'call.answered', 'call.ended'])
      expect(types).toContain(type);
    const { call } = (await installation.request('GET', `/v1/calls/${id}`)).body;
    expect(call).toMatchObject({
      provider: platform,
      status: 'ended',
      durationSeconds: 96,
      endReason: 'caller_hung_up',
      outcome: 'APPOINTMENT',
    });
    // The CRM hears of them as of our own.
    await waitFor(() => eventsOf(id).some(({ event }) => event === 'crm.updated'), {
      what: 'the activity in the CRM',
    });
  });

  it('without an analysis are read by our own model', async () => {
    const id = await told(SIMPLIFIED_STORY.toReversed(), signed.simplified);
    const { data } = (await completed(id)).body;
    expect(data).toMatchObject({
      provider: 'harbour-glue',
      outcome: 'APPOINTMENT',
      extraction: { summary: 'Ida comes on Thursday.' },
      recording_url: 'https://recordings.example/glue.wav',
      recording_expires_at: null,
    });
    expect(installation.model?.chat.requests.at(-1)?.messages[1]?.content).toBe(TRANSCRIPT);
  });

  it('that are not proven are answered 401, counted, and nowhere else', async () => {
    const before = (await installation.request('GET', '/v1/calls')).body.calls.length;
    const text = JSON.stringify(retell.started());
    for (const headers of [
      {},
      { authorization: 'Bearer wrong' },
      { 'x-retell-signature': 'v=1,d=0' },
      signed.retell(`${text} `),
      signed.retell(text, Date.now() - 301_000),
      { ...signed.retell(text, Date.now() - 301_000), authorization: `Bearer ${SIM_API_KEY}` },
    ]) {
      expect(await post(text, headers)).toEqual({
        status: 401,
        body: { error: 'Unauthorized', message: 'Invalid or missing API key' },
      });
    }
    const metrics: string = (await installation.request('GET', '/metrics')).body;
    const counted = [...metrics.matchAll(/ingest_requests_total\{.*"unauthorized"\} (\d+)/g)];
    expect(counted.reduce((sum, [, count]) => sum + Number(count), 0)).toBe(6);
    expect((await installation.request('GET', '/v1/calls')).body.calls).toHaveLength(before);
  });

  it('ask who is calling, and are answered from the CRM, also while it hangs', async () => {
    const found = { status: 'found', contact: { name: 'Ida Example' } };
    expect(await post(vapi.toolCalls({ phone: CALLER }), signed.vapi)).toMatchObject({
      status: 200,
      body: { results: [{ toolCallId: 'tc_1', result: JSON.stringify(found) }] },
    });
    expect((await post(retell.inbound(), signed.retell)).body.call_inbound).toMatchObject({
      dynamic_variables: { customer_name: 'Ida Example' },
      metadata: { contactId: 'c21' },
    });
    // A number of ours that no assistant of Vapi's has: our own profile answers it.
    const request = vapi.assistantRequest();
    delete request.message.call.assistantId;
    expect((await post(request, signed.vapi)).body).toMatchObject({
      assistant: {
        firstMessage: 'Hi Ida Example, this is Northwind.',
        model: { messages: [{ role: 'system', content: expect.stringContaining('Ida Example') }] },
      },
    });
    installation.backend.behave('lookup', { mode: 'hang' });
    const [late, unknown] = await Promise.all([
      post(retell.customFunction(), signed.retell),
      post(elevenlabs.initiation(), { 'x-api-key': SIM_API_KEY }),
    ]);
    installation.backend.behave('lookup', { mode: 'ok' });
    expect(late.body).toEqual({ status: 'not_available' });
    expect(unknown.body).toMatchObject({ dynamic_variables: { customer_name: '' } });
  });

  it('whose platform falls silent are closed', async () => {
    const id = await told([simplified('call.answered', { callId: 'silent_1' })], signed.simplified);
    const { data } = (await completed(id)).body;
    expect(data).toMatchObject({ outcome: 'UNKNOWN', extraction: null });
    const ended = eventsOf(id).find(({ event }) => event === 'call.ended');
    expect(ended?.body.data).toMatchObject({ end_reason: 'unknown', duration_seconds: 0 });
  });

  it('leave no credential in the database or in the log, and take a megabyte', async () => {
    const transcript = `User: ${'The harbour is closed today. '.repeat(40_000)}`;
    const story = simplified('call.completed', { callId: 'of_a_megabyte', transcript });
    const id = await told([story], signed.simplified);
    await completed(id);
    const { call } = (await installation.request('GET', `/v1/calls/${id}`)).body;
    expect(call.transcript.length).toBeGreaterThan(1_000_000);
    for (const file of await readdir(installation.dataDir)) {
      if (!file.startsWith('callwire.db')) continue;
      const bytes = await readFile(join(installation.dataDir, file));
      for (const secret of [CREDENTIAL, ...Object.values(SECRETS)]) {
        expect([file, bytes.includes(secret)]).toEqual([file, false]);
      }
    }
    const log = installation.worker.output.join('\n');
    for (const secret of [CREDENTIAL, CALLER, ...Object.values(SECRETS)]) {
      expect(log).not.toContain(secret);
    }
  });
});
