import { dirname } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { runCommand } from '../agent/testing/run_command.ts';
import { CrmBackend } from '../sim/crm/crm_backend.ts';
import type { LedgerEvent } from '../sim/installation/installation.ts';
import { waitFor } from '../sim/installation/wait_for.ts';
import { Caller } from './caller.ts';
import { sharedInstallation } from './shared_installation.ts';
import { type WholeRecord, wholeRecord } from './whole_record.ts';

const CALLER = '+15550100001';

const SALES = `turns:
  - hears: I want to talk to sales.
    do: [{ call: { tool: record_intent, arguments: { intent: sales } } }]
    then: Noted.
`;

const installation = sharedInstallation({
  number: '+15550107050',
  contacts: [{ id: 'c1', name: 'Ada Lovelace', phone: CALLER }],
  env: { ALLOW_NETWORKS: '127.0.0.1', RETRY_SCHEDULE: '300ms,300ms', RATE_LIMIT_READS: '0' },
});
beforeEach(() => {
  installation.model?.setScenario(SALES);
});

/** A request that has to succeed; returns its body. */
async function api(method: string, path: string, body?: unknown) {
  const answer = await installation.request(method, path, body === undefined ? {} : { body });
  expect({ path, ...answer }).toMatchObject({ status: expect.toBeOneOf([200, 201, 202, 204]) });
  return answer.body;
}

interface Wish {
  eventType: string;
  conditions?: Record<string, unknown>;
}

interface Delivery {
  id: string;
  state: string;
  eventId: string;
  eventType: string;
  attempts: number;
}

/** A backend of its own behind an endpoint that was made over the API. */
class Subscriber {
  readonly backend: CrmBackend;
  readonly id: string;
  secret: string;

  private constructor(
    backend: CrmBackend,
    made: { webhook: { id: string }; signingSecret: string },
  ) {
    this.backend = backend;
    this.id = made.webhook.id;
    this.secret = made.signingSecret;
    backend.setSecret(this.secret);
  }

  static async make(
    wishes: readonly Wish[],
    options: { ordered?: boolean } = {},
  ): Promise<Subscriber> {
    const backend = new CrmBackend();
    onTestFinished(() => backend.stop());
    const { url } = await backend.start();
    const endpoint = { name: 'subscriber', url: `${url}/webhook`, ...options };
    const subscriber = new Subscriber(backend, await api('POST', '/v1/webhooks', endpoint));
    const { id } = subscriber;
    onTestFinished(async () => {
      await installation.request('DELETE', `/v1/webhooks/${id}`);
    });
    for (const wish of wishes) {
      const trigger = { name: wish.eventType, webhookEndpointId: id, ...wish };
      await api('POST', '/v1/automation-triggers', trigger);
    }
    return subscriber;
  }

  /** By type, in the order of arrival. */
  get received(): string[] {
    return this.backend.received.map(({ event }) => event);
  }

  /** Newest first. */
  async deliveries(filter = ''): Promise<Delivery[]> {
    return (await api('GET', `/v1/deliveries?endpointId=${this.id}${filter}`)).deliveries;
  }

  /** Waits until none is on its way any more. */
  settled(count: number): Promise<Delivery[]> {
    const look = async () => {
      const all = await this.deliveries();
      return all.length === count && all.every(({ state }) => state !== 'waiting') && all;
    };
    return waitFor(look, { what: `${count} settled deliveries` });
  }

  arrived(count: number): Promise<true> {
    return waitFor(() => this.backend.received.length === count, {
      what: `${count} events at the subscriber`,
    });
  }
}

const EVERYTHING = [{ eventType: '*' }];

/** What a trigger on everything asks for of a call, in order. */
function storyOf({ events }: WholeRecord): readonly LedgerEvent[] {
  return events.filter(({ event }) => !event.startsWith('transcript.'));
}

/** Greeting, intent, hang-up. */
async function call({ whenGreeted = async () => {} } = {}): Promise<WholeRecord> {
  const caller = await Caller.dial(installation);
  await caller.hearsEnd();
  await whenGreeted();
  await caller.asks();
  await caller.call.hangUp();
  return await wholeRecord(installation);
}

describe('an endpoint made over the API', () => {
  it('gets of a real call what its triggers ask for, and the log says how', async () => {
    const subscriber = await Subscriber.make([
      { eventType: 'transcript.final', conditions: { role: 'caller' } },
      { eventType: 'call.ended', conditions: { end_reason: ['busy', 'caller_hung_up'] } },
      { eventType: 'intent.recorded', conditions: { intent: 'support' } },
    ]);
    subscriber.backend.behave('webhooks', { mode: 'status', status: 503, times: 1 });
    const { callId, events } = await call();
    const settled = await subscriber.settled(2);
    expect([...subscriber.received].sort()).toEqual(['call.ended', 'transcript.final']);
    for (const event of subscriber.backend.received) {
      expect(event.verified).toEqual({ standard: true, timestamped: true, plain: false });
      expect(event.body).toEqual(events.find(({ id }) => id === event.id));
    }
    expect(subscriber.backend.refused).toEqual([]);

    const logs = [];
    for (const { id } of settled) logs.push((await api('GET', `/v1/deliveries/${id}`)).delivery);
    const attempt = { at: expect.any(String), durationMs: expect.any(Number) };
    const refused = {
      ...attempt,
      status: 503,
      error: 'status',
      response: '{"error":"told to fail"}',
    };
    const taken = { ...attempt, status: 200, error: null, response: '{"ok":true}' };
    expect(logs.sort((a, b) => a.attempts - b.attempts)).toMatchObject([
      { callId, state: 'done', lastStatus: 200, log: [taken] },
      { callId, state: 'done', lastStatus: 200, log: [refused, taken] },
    ]);
    expect((await api('GET', `/v1/calls/${callId}`)).call).toMatchObject({
      status: 'ended',
      endReason: 'caller_hung_up',
      transcript: expect.stringContaining('Caller: I want to talk to sales.'),
      contact: { id: 'c1', name: 'Ada Lovelace', phone: CALLER },
    });
    const shown = (await api('GET', `/v1/calls/${callId}/events`)).events;
    expect(shown.map(({ id }: { id: string }) => id)).toEqual(events.map(({ id }) => id));
  });

  /*
   * t=0 the endpoint is paused, a call is made, and its events wait. The worker is killed and started
   * again: endpoint, triggers and what waits are still there. Resumed, it gets all of it.
   */
  it('may be paused while the worker is killed: everything waits, and goes out when it resumes', async () => {
    const subscriber = await Subscriber.make(EVERYTHING);
    const path = `/v1/webhooks/${subscriber.id}`;
    expect((await api('PATCH', path, { status: 'paused' })).webhook.status).toBe('paused');
    const story = storyOf(await call());
    const waiting = await subscriber.deliveries('&state=waiting');
    expect(waiting.map(({ attempts }) => attempts)).toEqual(story.map(() => 0));
    const onlyThese = async () => {
      const { checks } = await api('GET', '/readyz');
      return checks.deliveries.waiting === story.length && checks;
    };
    expect(await waitFor(onlyThese, { what: 'nothing else to wait' })).toEqual({
      database: { ok: true },
      deliveries: { ok: true, waiting: story.length, oldestWaitingSeconds: null },
      livekit: { ok: true },
    });
    const metrics: string = await api('GET', '/metrics');
    expect(metrics).toContain(`callwire_deliveries_waiting ${story.length}\n`);
    expect(metrics).toContain('callwire_deliveries_oldest_waiting_seconds 0\n');
    expect(metrics).toMatch(
      /callwire_delivery_attempts_total{kind="webhook",outcome="success"} \d/,
    );

    installation.worker.kill('SIGKILL');
    await installation.worker.exited();
    await installation.startWorker();
    expect((await api('GET', path)).webhook.status).toBe('paused');
    expect(subscriber.received).toEqual([]);
    await api('PATCH', path, { status: 'active' });
    await subscriber.settled(story.length);
    expect([...subscriber.received].sort()).toEqual(story.map(({ event }) => event).sort());
  });

  it('is tested, and its secret rotated, and both secrets are good for a while', async () => {
    const subscriber = await Subscriber.make([]);
    const { backend, id, secret } = subscriber;
    const { deliveryId } = await api('POST', `/v1/webhooks/${id}/test`);
    await subscriber.arrived(1);
    expect(backend.received[0]).toMatchObject({ event: 'webhook.test', deliveryId });

    const rotated = await api('POST', `/v1/webhooks/${id}/rotate-secret`);
    expect(rotated.signingSecret).not.toBe(secret);
    expect(Date.parse(rotated.webhook.previousSecretUntil)).toBeGreaterThan(Date.now());
    backend.setSecret(rotated.signingSecret);
    await api('POST', `/v1/webhooks/${id}/test`);
    await subscriber.arrived(2);
    // A receiver that has not heard of it yet refuses once, for one header has one signature only.
    backend.setSecret(secret);
    await api('POST', `/v1/webhooks/${id}/test`);
    await subscriber.arrived(3);
    expect(backend.refused).toHaveLength(1);
    expect(backend.received[2]?.verified).toMatchObject({ standard: true, timestamped: true });
  });

  it('that is ordered gets the events of a call in their sequence, also behind one that is given up', async () => {
    const ordered = await Subscriber.make(EVERYTHING, { ordered: true });
    ordered.backend.behave('webhooks', { mode: 'status', status: 500, times: 3 });
    const [first, ...others] = storyOf(await call());
    const settled = await ordered.settled(1 + others.length);
    expect(settled.map(({ eventId, state, attempts }) => [eventId, state, attempts])).toEqual([
      ...others.map(({ id }) => [id, 'done', 1]).reverse(),
      [first?.id, 'exhausted', 3],
    ]);
    expect(ordered.backend.received.map(({ id }) => id)).toEqual(others.map(({ id }) => id));
    expect(others.map(({ sequence }) => sequence)).toEqual(others.map((_, index) => index + 2));
    const told = (await installation.events()).filter(
      ({ data }) => data.endpoint_id === ordered.id,
    );
    expect(told.map(({ event, data }) => [event, data.event_type])).toEqual([
      ['delivery.exhausted', 'call.started'],
    ]);
  });
});

describe('what was delivered', () => {
  it('is replayed: one, those that failed, those since a time, a call; and never once redacted', async () => {
    const subscriber = await Subscriber.make(EVERYTHING);
    const { backend, id } = subscriber;
    backend.behave('webhooks', { mode: 'status', status: 500 });
    const before = new Date().toISOString();
    const record = await call({
      whenGreeted: async () => {
        const given = () => subscriber.deliveries('&state=exhausted');
        await waitFor(async () => (await given()).length === 2, { what: 'two given up' });
        backend.behave('webhooks', { mode: 'ok' });
      },
    });
    const { callId } = record;
    const { length } = storyOf(record);
    const first = await subscriber.settled(length);
    const sent = () => backend.received.length;
    const replay = (body: object) => api('POST', `/v1/webhooks/${id}/replay`, body);
    const failed = first.filter(({ state }) => state === 'exhausted');
    expect(failed.map(({ eventType }) => eventType)).toEqual(['call.answered', 'call.started']);
    expect(sent()).toBe(length - failed.length);

    expect((await replay({ onlyFailed: true })).deliveryIds).toHaveLength(failed.length);
    await subscriber.arrived(length);
    expect(new Set(backend.received.map((event) => event.id)).size).toBe(length);

    const done = first.find(({ state }) => state === 'done');
    const again = (await api('POST', `/v1/deliveries/${done?.id}/retry`)).delivery;
    expect(again).toMatchObject({ eventId: done?.eventId });
    expect(again.id).not.toBe(done?.id);
    await subscriber.arrived(length + 1);
    expect(backend.received.at(-1)).toMatchObject({ id: done?.eventId, deliveryId: again.id });

    await subscriber.settled(length + failed.length + 1);
    expect((await replay({ since: before })).deliveryIds).toHaveLength(length);
    await subscriber.arrived(2 * length + 1);
    await subscriber.settled(2 * length + failed.length + 1);
    expect((await replay({ callId })).deliveryIds).toHaveLength(length);
    await subscriber.arrived(3 * length + 1);
    const latest = await subscriber.settled(3 * length + failed.length + 1);

    await api('DELETE', `/v1/calls/${callId}/content`);
    const gone = { status: 410, body: { error: { code: 'redacted' } } };
    for (const [path, body] of [
      [`/v1/webhooks/${id}/replay`, { callId }],
      [`/v1/deliveries/${latest[0]?.id}/retry`, undefined],
    ] as const) {
      expect(await installation.request('POST', path, { body })).toMatchObject(gone);
    }
    expect((await replay({ since: before })).deliveryIds).toEqual([]);
    const shown = await api('GET', `/v1/calls/${callId}`);
    const events = await api('GET', `/v1/calls/${callId}/events`);
    const log = await api('GET', `/v1/deliveries/${latest[0]?.id}`);
    for (const answer of [shown, events, log]) {
      for (const word of [CALLER, 'Ada', 'sales', 'told to fail']) {
        expect(JSON.stringify(answer)).not.toContain(word);
      }
    }
    expect(sent()).toBe(3 * length + 1);
  });
});

describe('the commands beside a running worker', () => {
  const run = (name: string, ...args: string[]) =>
    runCommand(name, args, {
      folder: dirname(installation.dataDir),
      env: { DATA_DIR: installation.dataDir },
    });

  it('make keys that count at once, and make them worthless at once', async () => {
    const made = await run('keys', 'create', '--name', 'reader', '--scopes', 'calls:read');
    const key = made.stdout.trim();
    const [id = ''] = /key_\w+/.exec(made.stderr) ?? [];
    const status = async (path: string) =>
      (await installation.request('GET', path, { key })).status;
    expect(await status('/v1/calls')).toBe(200);
    expect(await status('/v1/webhooks')).toBe(403);
    expect((await run('keys', 'list')).stdout).toMatch(new RegExp(`${id} .*active +reader`));
    expect(await run('keys', 'revoke', id)).toMatchObject({ code: 0 });
    expect(await status('/v1/calls')).toBe(401);
  });

  it('list deliveries and send them again', async () => {
    const subscriber = await Subscriber.make([{ eventType: 'call.ended' }]);
    await call();
    const [delivery] = await subscriber.settled(1);
    const listed = await run('deliveries', 'list', '--endpoint', subscriber.id);
    expect(listed.stdout).toMatch(
      new RegExp(`^${delivery?.id} .* done +call.ended +${subscriber.id} +1 attempts +200`),
    );
    const replayed = await run('deliveries', 'replay', delivery?.id ?? '');
    expect(replayed.stdout).toMatch(/^dlv_\w+\n$/);
    await subscriber.arrived(2);
    expect(subscriber.backend.received.map(({ id }) => id)).toEqual(
      Array(2).fill(delivery?.eventId),
    );
    expect(subscriber.backend.received[1]?.deliveryId).toBe(replayed.stdout.trim());
  });
});
