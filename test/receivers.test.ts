import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { runCommand, startCommand } from '../agent/testing/run_command.ts';
import { Installation, SIM_SECRET } from '../sim/installation/installation.ts';
import { waitFor } from '../sim/installation/wait_for.ts';
import { Caller } from './caller.ts';
import { ExampleReceiver, exampleCommand, type Handled, LANGUAGES } from './example_receiver.ts';
import { type WholeRecord, wholeRecord } from './whole_record.ts';

/* The receivers of docs/webhooks.md, and the commands for those who write one, on a real worker. */

const CALLER = '+15550100001';
/** Made up. */
const API_KEY = 'a-made-up-key-of-the-environment';
const SALES = `turns:
  - hears: I want to talk to sales.
    do: [{ call: { tool: record_intent, arguments: { intent: sales } } }]
    then: Noted.
`;
/** Nobody listens there: what is sent to it waits for a retry, and comes out of order then. */
const NOWHERE = 'http://127.0.0.1:9/';

let folder: string;
let installation: Installation;
let api: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'callwire-receivers-'));
  installation = await Installation.start({
    stack: inject('stack'),
    number: '+15550107080',
    crm: 'builtin',
    scenario: SALES,
    env: {
      API_KEY,
      ALLOW_NETWORKS: '127.0.0.1',
      RETRY_SCHEDULE: Array(60).fill('800ms').join(','),
    },
  });
  const { url } = await installation.worker.waitForLine(({ msg }) => /API listens/.test(msg));
  api = String(url);
});
afterAll(async () => {
  await installation?.stop();
  await rm(folder, { recursive: true, force: true });
});

// biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of a body
async function request(method: string, path: string, body?: object): Promise<any> {
  const answer = await fetch(`${api}${path}`, {
    method,
    headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  expect(answer.ok, `${method} ${path}: ${answer.status}`).toBe(true);
  return await answer.json();
}

/** A whole call: greeting, intent, hang-up. */
async function call(): Promise<WholeRecord> {
  const caller = await Caller.dial(installation);
  await caller.hearsEnd();
  await caller.asks();
  await caller.call.hangUp();
  return wholeRecord(installation);
}

/** What a receiver that asked for everything has to work on, in this order. */
function toBeHandled({ callId, events }: WholeRecord): Handled[] {
  return events
    .filter(({ sequence }) => sequence !== null)
    .map(({ event, sequence }) => ({ event, callId, sequence: String(sequence) }));
}

describe.each(LANGUAGES)('the receiver in %s', (language) => {
  let command: string[];
  let secret: string;
  let endpoint: string;
  let receiver: ExampleReceiver;

  async function start(secrets: { WEBHOOK_SECRET: string; WEBHOOK_SECRET_PREVIOUS?: string }) {
    const INBOX = join(folder, `${language}.jsonl`);
    receiver = await ExampleReceiver.start(command, { ...secrets, INBOX });
    await request('PATCH', `/v1/webhooks/${endpoint}`, { url: receiver.url });
  }

  /** Waits until the receiver has accepted these deliveries. */
  async function delivered(deliveryIds: readonly string[]): Promise<void> {
    const look = async () => {
      const { deliveries } = await request('GET', `/v1/deliveries?endpointId=${endpoint}`);
      const done = deliveries.filter(({ state }: { state: string }) => state === 'done');
      const ids = done.map(({ id }: { id: string }) => id);
      return deliveryIds.every((id) => ids.includes(id));
    };
    await waitFor(look, { what: `${deliveryIds.length} deliveries to be accepted` });
  }

  async function accepts(): Promise<void> {
    const { deliveryId } = await request('POST', `/v1/webhooks/${endpoint}/test`);
    await delivered([deliveryId]);
  }

  beforeAll(async () => {
    command = await exampleCommand(language, folder);
    const made = await request('POST', '/v1/webhooks', { name: language, url: NOWHERE });
    secret = made.signingSecret;
    endpoint = made.webhook.id;
    const everything = { name: 'all', eventType: '*', webhookEndpointId: endpoint };
    await request('POST', '/v1/automation-triggers', everything);
  });
  afterAll(() => receiver?.stop());

  it('works on every event of a call once, in order; on a replay not again', async () => {
    const record = await call();
    const expected = toBeHandled(record);
    expect(expected.map(({ event }) => event)).toContain('intent.recorded');
    const ofThisCall = ({ callId }: Handled) => callId === record.callId;
    await start({ WEBHOOK_SECRET: secret });
    expect(await receiver.waitForHandled(expected.length, ofThisCall)).toEqual(expected);

    // Also one that has been started anew, and knows what it has from its file.
    await receiver.atRest();
    await receiver.stop();
    await start({ WEBHOOK_SECRET: secret });
    const body = { callId: record.callId };
    const { deliveryIds } = await request('POST', `/v1/webhooks/${endpoint}/replay`, body);
    expect(deliveryIds).toHaveLength(expected.length);
    await delivered(deliveryIds);
    // What comes behind it has been worked on, so the replay would have been.
    await accepts();
    await receiver.waitForHandled(1, ({ event }) => event === 'webhook.test');
    expect(receiver.handled.filter(ofThisCall)).toEqual([]);
  });

  it('goes on through a change of its secret', async () => {
    const { signingSecret } = await request('POST', `/v1/webhooks/${endpoint}/rotate-secret`);
    await accepts();
    await receiver.stop();
    await start({ WEBHOOK_SECRET: signingSecret, WEBHOOK_SECRET_PREVIOUS: secret });
    await accepts();
    secret = signingSecret;
  });

  it.each(['standard,timestamped,plain', 'timestamped'])(
    'gets everything right that webhooks:check sends, signed as %s',
    async (signatures) => {
      const earlier = new Set(receiver.handled.map(({ callId }) => callId));
      const ofTheCheck = ({ callId }: Handled) => callId !== '-' && !earlier.has(callId);
      const args = [receiver.url, '--signatures', signatures, '--json'];
      const env = { WEBHOOK_SECRET: secret };
      const { code, stdout, stderr } = await runCommand('webhooks_check', args, { folder, env });
      const { results } = JSON.parse(stdout);
      expect(results.filter(({ ok }: { ok: boolean }) => !ok)).toEqual([]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });

      const handled = await receiver.waitForHandled(9, ofTheCheck);
      const calls = Object.values(Object.groupBy(handled, ({ callId }) => callId));
      const sequences = calls.map((one) => one?.map(({ sequence }) => sequence).join(' '));
      expect(sequences.toSorted()).toEqual(['1 2 3', '1 2 3 4 5 6']);
    },
  );
});

it('events:tail shows a call without a key or an address, and hands it to a local port', async () => {
  const receiver = await ExampleReceiver.start(await exampleCommand('node', folder), {
    WEBHOOK_SECRET: SIM_SECRET,
    INBOX: join(folder, 'tail.jsonl'),
  });
  try {
    const { port } = new URL(receiver.url);
    const tail = startCommand('events_tail', ['--forward', `${port}/callwire`], {
      folder,
      env: { DATA_DIR: installation.dataDir, WEBHOOK_SECRET: SIM_SECRET },
    });
    await tail.said(/following the worker/);
    const record = await call();
    const expected = toBeHandled(record);
    const ofThisCall = ({ callId }: Handled) => callId === record.callId;
    expect(await receiver.waitForHandled(expected.length, ofThisCall)).toEqual(expected);

    const printed = await tail.printed(new RegExp(`${record.callId} #${expected.length}  → 200`));
    for (const { event, sequence } of expected) {
      expect(printed).toMatch(new RegExp(`${event} +${record.callId} #${sequence}  → 200\n`));
    }
    expect(printed).toMatch(new RegExp(`transcript.final +${record.callId}\n`));
    expect(printed).not.toContain(CALLER);
    tail.interrupt();
    expect((await tail.ended).code).toBe(0);
  } finally {
    await receiver.stop();
  }
});
