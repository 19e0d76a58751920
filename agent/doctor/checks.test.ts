import { once } from 'node:events';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type RoomServiceClient, TwirpError } from 'livekit-server-sdk';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CrmBackend } from '../../sim/crm/crm_backend.ts';
import { SIM_SECRET } from '../../sim/installation/installation.ts';
import { lockDataDir } from '../../src/store/data_dir_lock.ts';
import { freePorts } from '../../stack/ports.ts';
import { agentsCheck } from './agents_check.ts';
import { crmCheck } from './crm_check.ts';
import { dataDirCheck } from './data_dir_check.ts';
import { type Check, examine, type Finding } from './finding.ts';
import { livekitCheck } from './livekit_check.ts';
import { modelCheck } from './model_check.ts';
import { portsCheck } from './ports_check.ts';
import { httpServer, NOWHERE } from './testing/http_server.ts';
import { settingsOf } from './testing/settings.ts';
import { webhookCheck } from './webhook_check.ts';

const look = (check: Check): Promise<Finding[]> => examine([check]);

async function theOnly(check: Check): Promise<Finding> {
  const findings = await look(check);
  expect(findings).toHaveLength(1);
  return findings[0]!;
}

async function backend(): Promise<CrmBackend> {
  const started = new CrmBackend({ secret: SIM_SECRET });
  await started.start();
  onTestFinished(() => started.stop());
  return started;
}

describe('agents', () => {
  const profile = (numbers: string) => `name: A\nprompt: Help.\nnumbers: ${numbers}\n`;

  const having = async (yaml: string, env: Record<string, string> = {}) => {
    const settings = settingsOf(env);
    await mkdir(settings.agentsDir, { recursive: true });
    await writeFile(join(settings.agentsDir, 'a.yaml'), yaml);
    return await theOnly(agentsCheck(settings));
  };

  it('that can be read are named', async () => {
    expect(await having(profile('[]'))).toMatchObject({ status: 'ok', message: 'a' });
  });

  it('that are wrong are told with their line', async () => {
    expect(await having('name: [')).toMatchObject({
      status: 'problem',
      message: expect.stringContaining('a.yaml:'),
    });
  });

  it('that do not answer one of our numbers', async () => {
    const numbers = { SIP_NUMBERS: '+15550100000,+15550100001' };
    expect(await having(profile('["+15550100000"]'), numbers)).toMatchObject({
      status: 'problem',
      message: 'no agent answers +15550100001',
    });
  });
});

describe('livekit', () => {
  const answering = (answer: () => Promise<unknown>) =>
    theOnly(
      livekitCheck(settingsOf(), { rooms: { listRooms: answer } as unknown as RoomServiceClient }),
    );

  it('answers and takes the key', async () => {
    expect(await answering(() => Promise.resolve([]))).toMatchObject({
      status: 'ok',
      message: expect.stringContaining('ws://127.0.0.1:7880'),
    });
  });

  it('refuses the key', async () => {
    const refused = new TwirpError('twirp', 'no', 401, 'unauthenticated');
    expect(await answering(() => Promise.reject(refused))).toMatchObject({
      status: 'problem',
      message: 'LiveKit does not accept the API key',
      remedy: expect.stringContaining('LIVEKIT_API_SECRET'),
    });
  });

  it('does not answer', async () => {
    expect(await answering(() => Promise.reject(new TypeError('fetch failed')))).toMatchObject({
      status: 'problem',
      remedy: expect.stringContaining('npm run stack'),
    });
  });
});

describe('model', () => {
  const KEY = 'a-made-up-key';
  const at = (url: string, env: Record<string, string> = { OPENAI_API_KEY: KEY }) =>
    settingsOf({ OPENAI_BASE_URL: `${url}/v1`, ...env });

  const answering = async (status: number, body: unknown = {}) => {
    const asked: (string | undefined)[] = [];
    const url = await httpServer((request, response) => {
      asked.push(request.url, request.headers.authorization);
      response.writeHead(status, { location: '/elsewhere' }).end(JSON.stringify(body));
    });
    const settings = at(url);
    await mkdir(settings.agentsDir, { recursive: true });
    await writeFile(join(settings.agentsDir, 'a.yaml'), 'name: A\nprompt: Help.\nmodel: m-1\n');
    const finding = await theOnly(modelCheck(settings));
    expect(asked).toEqual(['/v1/models', `Bearer ${KEY}`]);
    expect(JSON.stringify(finding)).not.toContain(KEY);
    return finding;
  };

  it('takes the key and knows the models of the agents', async () => {
    expect(await answering(200, { data: [{ id: 'm-1' }, { id: 'm-2' }] })).toMatchObject({
      status: 'ok',
    });
  });

  it.each([[{ data: [] }], [{ models: 'none' }], ['text']])(
    'may have a list that says nothing: %j',
    async (body) => {
      expect(await answering(200, body)).toMatchObject({ status: 'ok' });
    },
  );

  it('does not have the model of an agent', async () => {
    expect(await answering(200, { data: [{ id: 'm-2' }] })).toMatchObject({
      status: 'problem',
      message: expect.stringContaining('m-1 (a)'),
    });
  });

  it.each([
    [401, 'problem', 'OPENAI_API_KEY'],
    [403, 'problem', 'OPENAI_API_KEY'],
    [429, 'problem', 'limits'],
    [404, 'warning', 'OPENAI_BASE_URL'],
  ] as const)('answers %i: a %s with a remedy', async (code, status, remedy) => {
    expect(await answering(code)).toMatchObject({
      status,
      remedy: expect.stringContaining(remedy),
    });
  });

  it.each([302, 500])('answers %i: a problem', async (code) => {
    expect(await answering(code)).toMatchObject({
      status: 'problem',
      message: expect.stringContaining(String(code)),
    });
  });

  it('cannot be reached', async () => {
    expect(await theOnly(modelCheck(at(NOWHERE)))).toMatchObject({
      status: 'problem',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('gives no answer in time', async () => {
    const url = await httpServer(() => {});
    expect(await theOnly({ ...modelCheck(at(url)), limitMs: 50 })).toMatchObject({
      status: 'problem',
      message: expect.stringContaining('no answer'),
    });
  });

  it('has no key', async () => {
    expect(await theOnly(modelCheck(at(NOWHERE, {})))).toMatchObject({
      status: 'problem',
      message: 'OPENAI_API_KEY is not set',
    });
  });
});

describe('crm', () => {
  it('that is built in needs nothing', async () => {
    expect(await theOnly(crmCheck(settingsOf()))).toMatchObject({ status: 'ok' });
  });

  it('answers look-ups', async () => {
    const { url } = await backend();
    expect(await theOnly(crmCheck(settingsOf({ CRM_URL: url })))).toMatchObject({
      status: 'ok',
      message: expect.stringContaining(url),
    });
  });

  it('is slower than callers wait', async () => {
    const crm = await backend();
    crm.behave('lookup', { mode: 'slow', ms: 30 });
    const settings = settingsOf({ CRM_URL: crm.url, CONTEXT_BUDGET_MS: '1' });
    expect(await theOnly(crmCheck(settings))).toMatchObject({ status: 'warning' });
  });

  it.each([
    [{ mode: 'status', status: 401 }, 'CRM_API_KEY'],
    [{ mode: 'status', status: 404 }, 'CRM_URL'],
    [{ mode: 'status', status: 500 }, 'log of the CRM'],
    [{ mode: 'garbage' }, 'results'],
  ] as const)('that answers with %j is a problem with a remedy', async (behaviour, remedy) => {
    const crm = await backend();
    crm.behave('lookup', behaviour);
    expect(await theOnly(crmCheck(settingsOf({ CRM_URL: crm.url })))).toMatchObject({
      status: 'problem',
      remedy: expect.stringContaining(remedy),
    });
  });

  it('cannot be reached', async () => {
    expect(await theOnly(crmCheck(settingsOf({ CRM_URL: NOWHERE })))).toMatchObject({
      status: 'problem',
      remedy: expect.stringContaining('CRM_URL'),
    });
  });

  it('gives no answer in time', async () => {
    const crm = await backend();
    crm.behave('lookup', { mode: 'hang' });
    const check = { ...crmCheck(settingsOf({ CRM_URL: crm.url })), limitMs: 50 };
    expect(await theOnly(check)).toMatchObject({ status: 'problem' });
  });
});

describe('webhook', () => {
  const at = (url: string, WEBHOOK_SECRET = SIM_SECRET) =>
    webhookCheck(settingsOf({ WEBHOOK_URL: url, WEBHOOK_SECRET }));

  it('takes a test that is signed as every event is', async () => {
    const receiver = await backend();
    expect(await theOnly(at(`${receiver.url}/webhook`))).toMatchObject({
      status: 'ok',
      message: expect.stringContaining('answers 200'),
    });
    expect(receiver.received).toMatchObject([
      {
        event: 'webhook.test',
        sequence: null,
        verified: { standard: true, timestamped: true, plain: true },
        body: { call_id: null, data: { endpoint_id: 'whe_default' } },
      },
    ]);
  });

  it('is tried on every path where the CRM takes the events', async () => {
    const receiver = await backend();
    const settings = settingsOf({ CRM_URL: receiver.url, WEBHOOK_SECRET: SIM_SECRET });
    const findings = await look(webhookCheck(settings));
    expect(findings.map(({ status }) => status)).toEqual(['ok', 'ok', 'ok']);
    expect(receiver.received.map(({ path }) => path).toSorted()).toEqual([
      '/webhooks/call',
      '/webhooks/crm',
      '/webhooks/intent',
    ]);
  });

  it('has another secret', async () => {
    const receiver = await backend();
    expect(await theOnly(at(`${receiver.url}/webhook`, 'another-made-up-secret'))).toMatchObject({
      status: 'problem',
      remedy: expect.stringContaining('WEBHOOK_SECRET'),
    });
    expect(receiver.received).toHaveLength(0);
  });

  it.each([
    [400, 'warning', 'WEBHOOK_SECRET'],
    [404, 'problem', 'WEBHOOK_URL'],
    [405, 'problem', 'POST'],
    [500, 'problem', 'log of the backend'],
    [308, 'problem', 'redirects to'],
  ] as const)('answers %i: a %s with a remedy', async (code, status, remedy) => {
    const url = await httpServer((_, response) => {
      response.writeHead(code, { location: '/elsewhere' }).end('what the backend says');
    });
    const finding = await theOnly(at(url));
    expect(finding).toMatchObject({
      status,
      message: expect.stringContaining(`answers ${code}`),
      remedy: expect.stringContaining(remedy),
    });
    expect(JSON.stringify(finding)).not.toContain('what the backend says');
  });

  it('cannot be reached', async () => {
    expect(await theOnly(at(NOWHERE))).toMatchObject({
      status: 'problem',
      message: expect.stringContaining('cannot be reached'),
    });
  });

  it('is not set, or has no secret', async () => {
    expect(await theOnly(webhookCheck(settingsOf()))).toMatchObject({ status: 'warning' });
    expect(await theOnly(at(NOWHERE, ''))).toMatchObject({
      status: 'problem',
      message: expect.stringContaining('WEBHOOK_SECRET is not set'),
    });
  });
});

describe('data_dir', () => {
  it('can be written to', async () => {
    const { dataDir } = settingsOf();
    expect(await theOnly(dataDirCheck({ dataDir }))).toMatchObject({
      status: 'ok',
      message: expect.stringContaining('no worker holds it'),
    });
  });

  it('is not there yet', async () => {
    const dataDir = join(settingsOf().dataDir, 'new');
    expect(await theOnly(dataDirCheck({ dataDir }))).toMatchObject({ status: 'ok' });
  });

  it('is held by a worker', async () => {
    const { dataDir } = settingsOf();
    const lock = lockDataDir(dataDir, 'npm run agent');
    onTestFinished(() => lock.release());
    expect(await theOnly(dataDirCheck({ dataDir }))).toMatchObject({
      status: 'ok',
      message: expect.stringContaining(`"npm run agent" (pid ${process.pid}`),
    });
  });

  it('is open to others', async () => {
    const { dataDir } = settingsOf();
    await chmod(dataDir, 0o755);
    expect(await look(dataDirCheck({ dataDir }))).toMatchObject([
      { status: 'ok' },
      { status: 'warning', remedy: `chmod 700 ${dataDir}` },
    ]);
  });

  it('is no folder', async () => {
    const { dataDir } = settingsOf();
    const file = join(dataDir, 'file');
    await writeFile(file, '');
    expect(await theOnly(dataDirCheck({ dataDir: file }))).toMatchObject({
      status: 'problem',
      remedy: expect.stringContaining('DATA_DIR'),
    });
  });
});

describe('ports', () => {
  const elsewhere = {
    LIVEKIT_URL: 'wss://livekit.example.com',
    LIVEKIT_API_KEY: 'APImadeup',
    LIVEKIT_API_SECRET: 'made-up',
  };

  const portOf = (url: string) => new URL(url).port;

  it('are free', async () => {
    const { livekitPort } = await freePorts();
    const settings = settingsOf({ ...elsewhere, PORT: String(livekitPort) });
    expect(await theOnly(portsCheck(settings))).toMatchObject({
      status: 'ok',
      message: `127.0.0.1:${livekitPort} is free (HTTP API)`,
    });
  });

  it('are held by our own HTTP API and worker', async () => {
    const api = await httpServer((request, response) => {
      response.end(request.url === '/healthz' ? '{"status":"ok"}' : '{"agent_name":"callwire"}');
    });
    const settings = settingsOf({ ...elsewhere, PORT: portOf(api), WORKER_PORT: portOf(api) });
    expect(await look(portsCheck(settings))).toMatchObject([
      { status: 'ok', message: expect.stringContaining('our HTTP API answers') },
      { status: 'ok', message: expect.stringContaining('our worker answers') },
    ]);
  });

  it('are taken by another program', async () => {
    const other = await httpServer((_, response) => void response.end('<html>'));
    const settings = settingsOf({ ...elsewhere, PORT: portOf(other), WORKER_PORT: portOf(other) });
    expect(await look(portsCheck(settings))).toMatchObject([
      { status: 'problem', remedy: expect.stringContaining('PORT') },
      { status: 'problem', remedy: expect.stringContaining('WORKER_PORT') },
    ]);
  });

  it('are not needed', async () => {
    const settings = settingsOf({ ...elsewhere, SERVER: 'off' });
    expect(await theOnly(portsCheck(settings))).toMatchObject({ status: 'skipped' });
    const any = settingsOf({ ...elsewhere, PORT: '0' });
    expect(await theOnly(portsCheck(any))).toMatchObject({ status: 'ok' });
  });

  const localStack = async () => {
    const { livekitPort, rtcTcpPort, rtcUdpPort, sipPort, redisPort } = await freePorts();
    return {
      ports: { sipPort, redisPort },
      env: {
        SERVER: 'off',
        STACK_LIVEKIT_PORT: String(livekitPort),
        STACK_RTC_PORTS: `${rtcTcpPort}-${rtcUdpPort}`,
        STACK_SIP_PORT: String(sipPort),
        STACK_REDIS_PORT: String(redisPort),
      },
    };
  };

  it('of the local stack are free', async () => {
    const { env } = await localStack();
    expect((await look(portsCheck(settingsOf(env)))).at(-1)).toMatchObject({
      status: 'ok',
      message: expect.stringContaining('npm run stack'),
    });
  });

  it('of the local stack are taken by another program', async () => {
    const { env, ports } = await localStack();
    const redis = createServer().listen(ports.redisPort, '127.0.0.1');
    await once(redis, 'listening');
    onTestFinished(() => void redis.close());
    expect((redis.address() as AddressInfo).port).toBe(ports.redisPort);
    expect((await look(portsCheck(settingsOf(env)))).at(-1)).toMatchObject({
      status: 'problem',
      message: expect.stringContaining(`TCP ${ports.redisPort} (STACK_REDIS_PORT)`),
    });
  });
});
