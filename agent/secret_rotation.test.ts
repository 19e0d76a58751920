import { expect, it, onTestFinished } from 'vitest';
import { CrmBackend } from '../sim/crm/crm_backend.ts';
import type { ReceivedEvent } from '../sim/crm/webhook_inbox.ts';
import { draftEvent } from '../src/events/catalogue.ts';
import { verifyStandard, verifyTimestamped } from '../src/events/signatures.ts';
import { newId } from '../src/ids.ts';
import { opening } from '../src/ledger/testing/appends.ts';
import { commandFolder } from './testing/run_command.ts';
import { type RunningApi, runningApi } from './testing/running_api.ts';

async function startBackend(): Promise<CrmBackend> {
  const backend = new CrmBackend();
  onTestFinished(() => backend.stop());
  await backend.start();
  return backend;
}

/** An endpoint that gets everything; its id and its first secret. */
async function subscribe(api: RunningApi, backend: CrmBackend, signatures: readonly string[]) {
  const { body } = await api.request('POST', '/v1/webhooks', {
    name: 'backend',
    url: `${backend.url}/webhook`,
    signatures,
  });
  const { id } = body.webhook;
  const trigger = { name: 'all', eventType: '*', webhookEndpointId: id };
  expect((await api.request('POST', '/v1/automation-triggers', trigger)).status).toBe(201);
  backend.setSecret(body.signingSecret);
  const rotate = async (): Promise<string> => {
    const rotated = await api.request('POST', `/v1/webhooks/${id}/rotate-secret`);
    expect(rotated.status).toBe(200);
    return rotated.body.signingSecret;
  };
  return { secret: body.signingSecret as string, rotate };
}

/** Events without a pause, until it is stopped. */
class Traffic {
  /** In the order of their appends. */
  readonly ids: string[] = [];
  #flowing = true;
  readonly #done: Promise<void>;

  constructor(api: RunningApi) {
    this.#done = this.#flow(api);
  }

  async stop(): Promise<void> {
    this.#flowing = false;
    await this.#done;
  }

  /** Waits until so many more have been appended; returns their ids. */
  async more(count: number): Promise<string[]> {
    const from = this.ids.length;
    await expect.poll(() => this.ids.length - from, { timeout: 15_000 }).toBeGreaterThan(count);
    return this.ids.slice(from);
  }

  async #flow({ record }: RunningApi): Promise<void> {
    const callId = newId('call');
    await record.ledger.append(opening(callId));
    for (let n = 0; this.#flowing; n++) {
      const data = { intent: `${n}`, tool_call_id: `fc_${n}` };
      const event = draftEvent('intent.recorded', data);
      await record.ledger.append({ callId, events: [event] });
      this.ids.push(event.id);
    }
  }
}

const arrived = (backend: CrmBackend, ids: readonly string[]) =>
  expect
    .poll(
      () => {
        const seen = new Set(backend.received.map(({ id }) => id));
        return ids.filter((id) => !seen.has(id));
      },
      { timeout: 20_000 },
    )
    .toEqual([]);

const verdict = (verify: typeof verifyStandard, { headers, raw }: ReceivedEvent, secret: string) =>
  verify({ headers, body: Buffer.from(raw), secrets: [secret] });

it('a secret may be rotated while deliveries flow: each verifies with those that are valid', async () => {
  const api = await runningApi(await commandFolder(), { RETRY_SCHEDULE: '1h' });
  const backend = await startBackend();
  const { secret: first, rotate } = await subscribe(api, backend, ['standard']);
  const traffic = new Traffic(api);
  const before = await traffic.more(20);

  // The receiver goes on with its old secret, as long as it likes, within 24 hours.
  const second = await rotate();
  const overlap = await traffic.more(20);
  await arrived(backend, [...before, ...overlap]);
  backend.setSecret([first, second]);
  const both = await traffic.more(20);
  await arrived(backend, both);
  backend.setSecret(second);
  const third = await rotate();
  const after = await traffic.more(20);
  await traffic.stop();
  await arrived(backend, traffic.ids);

  // At the first attempt: the next one would be an hour later.
  expect(backend.refused).toEqual([]);
  const received = new Map(backend.received.map((event) => [event.id, event]));
  const valid = (ids: readonly string[], secret: string) =>
    new Set(ids.map((id) => verdict(verifyStandard, received.get(id)!, secret)));
  expect(valid(before, first)).toEqual(new Set(['valid']));
  for (const secret of [first, second]) {
    expect(valid(overlap, secret)).toEqual(new Set(['valid']));
    expect(valid(both, secret)).toEqual(new Set(['valid']));
  }
  for (const secret of [second, third]) expect(valid(after, secret)).toEqual(new Set(['valid']));
  expect(valid(after, first)).toEqual(new Set(['invalid']));
}, 60_000);

it('a receiver that checks the other header is lost to no rotation, whichever secret it has', async () => {
  const api = await runningApi(await commandFolder(), {
    RETRY_SCHEDULE: Array(40).fill('50ms').join(','),
  });
  const backend = await startBackend();
  const { secret: first, rotate } = await subscribe(api, backend, ['timestamped']);
  const traffic = new Traffic(api);
  await traffic.more(20);
  const second = await rotate();
  const overlap = await traffic.more(20);
  await arrived(backend, overlap);
  // One signature fits into the header: the new one, and after a refusal the old one.
  expect(backend.refused.length).toBeGreaterThan(0);
  for (const event of backend.refused) {
    expect(verdict(verifyTimestamped, event, second)).toBe('valid');
  }
  for (const event of backend.received) {
    expect(verdict(verifyTimestamped, event, first)).toBe('valid');
  }
  backend.setSecret(second);
  await traffic.more(20);
  await traffic.stop();
  await arrived(backend, traffic.ids);
}, 60_000);
