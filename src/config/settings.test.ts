import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CallwireError } from '../errors.ts';
import { applyDotEnv } from './dot_env.ts';
import { loadSettings } from './settings.ts';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'callwire-settings-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));

const load = (env: NodeJS.ProcessEnv = {}) => loadSettings({ env, cwd });

function refusal(env: NodeJS.ProcessEnv): CallwireError {
  try {
    load(env);
  } catch (error) {
    if (error instanceof CallwireError) return error;
    throw error;
  }
  throw new Error('the settings were accepted');
}

test('nothing has to be set', () => {
  const settings = load();
  expect(settings).toEqual({
    livekit: {
      url: 'ws://127.0.0.1:7880',
      apiKey: expect.stringMatching(/^API/),
      apiSecret: expect.any(String),
      agentName: 'callwire',
    },
    openai: {
      apiKey: undefined,
      baseUrl: 'https://api.openai.com/v1',
      extractionModel: 'gpt-6-luna',
    },
    pricesFile: undefined,
    crm: { adapter: 'builtin', url: undefined, apiKey: undefined },
    defaultEndpoint: null,
    dataDir: join(cwd, '.callwire'),
    agentsDir: join(cwd, 'agent/profiles'),
    calls: {
      max: 10,
      maxPerCaller: 2,
      contextBudgetMs: 2_500,
      maxMinutes: 60,
      drainSeconds: 600,
      inboundReserve: 2,
    },
    outbound: { ringSeconds: 30, calls: 10, callsPerSecond: 1 },
    gate: {
      dialling: true,
      consentRequired: true,
      callingHours: { fromMinute: 480, toMinute: 1_260 },
      dailyCalls: 200,
      callsPerNumberPerDay: 3,
      spendCapUsdPerDay: null,
    },
    sip: {
      numbers: [],
      allowedAddresses: [],
      username: undefined,
      password: undefined,
      outbound: null,
    },
    stack: {
      livekitPort: 7880,
      rtcTcpPort: 7881,
      rtcUdpPort: 7882,
      sipPort: 5060,
      redisPort: 6379,
      rtpPorts: { from: 10_000, to: 10_200 },
    },
    workerPort: 0,
    recordings: { kind: 'folder', path: expect.stringMatching(/\/\.callwire\/recordings$/) },
    recordingEngine: 'call',
    retainDays: 90,
    delivery: {
      retryScheduleMs: [
        2_000, 10_000, 30_000, 120_000, 600_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000,
        36_000_000, 72_000_000,
      ],
      endpointDisableAfterMs: 5 * 86_400_000,
      allowNetworks: [],
      proxy: undefined,
    },
    server: {
      enabled: true,
      host: '127.0.0.1',
      port: 8080,
      publicUrl: undefined,
      apiKey: undefined,
      writesPerMinute: 600,
      readsPerMinute: 1_200,
      publicApi: true,
      metricsOpen: false,
    },
    ingest: {
      secrets: {
        retell: undefined,
        vapi: undefined,
        bland: undefined,
        elevenlabs: undefined,
        generic: undefined,
      },
      staleAfterMs: 6 * 3_600_000,
    },
    encryption: { key: undefined, previous: [] },
    logLevel: 'info',
  });
});

describe('where values come from', () => {
  test('.env is read, the environment wins, and neither is changed', () => {
    writeFileSync(join(cwd, '.env'), 'MAX_CALLS=3\nMAX_CALLS_PER_CALLER=1\n');
    const env = { MAX_CALLS: '7' };
    expect(load(env).calls).toMatchObject({ max: 7, maxPerCaller: 1 });
    expect(env).toEqual({ MAX_CALLS: '7' });
  });

  test('an empty variable is unset, and hides the one in .env', () => {
    writeFileSync(join(cwd, '.env'), 'WEBHOOK_URL=https://backend.example/hook\n');
    expect(load().defaultEndpoint?.url).toBe('https://backend.example/hook');
    expect(load({ WEBHOOK_URL: '' }).defaultEndpoint).toBeNull();
  });

  test('a main passes .env on to its children without overwriting what is set', () => {
    writeFileSync(join(cwd, '.env'), 'MAX_CALLS=3\nOPENAI_API_KEY=made-up\nWEBHOOK_URL=x\n');
    const env: NodeJS.ProcessEnv = { MAX_CALLS: '7', WEBHOOK_URL: '' };
    applyDotEnv(cwd, env);
    expect(env).toEqual({ MAX_CALLS: '7', OPENAI_API_KEY: 'made-up', WEBHOOK_URL: '' });
  });

  test('dev does not wait for running calls unless told to', () => {
    expect(loadSettings({ mode: 'dev', env: {}, cwd }).calls.drainSeconds).toBe(0);
    expect(loadSettings({ mode: 'dev', env: { DRAIN_SECONDS: '5' }, cwd }).calls.drainSeconds).toBe(
      5,
    );
  });
});

describe('wrong settings', () => {
  test('are all named in one error, which leaves no files behind', () => {
    const error = refusal({
      MAX_CALLS: 'many',
      LOG_LEVEL: 'loud',
      SIP_NUMBERS: '+15550100000,nonsense',
      SIP_ALLOWED_ADDRESSES: '10',
      RETRY_SCHEDULE: '2s,10',
      STACK_RTC_PORTS: '7881',
      DATABASE_URL: 'postgres://made-up:made-up@db.example/callwire',
    });
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', retryable: false });
    expect(error.message.split('\n')).toEqual([
      '7 settings are wrong:',
      '- RETRY_SCHEDULE entry 2: must be a wait of up to 30d, such as 10s, 2m or 5h.',
      '- MAX_CALLS must be a whole number from 1 to 10000.',
      '- SIP_NUMBERS entry 2: must be a phone number with its country code, such as +15550100000.',
      '- SIP_ALLOWED_ADDRESSES entry 1: must be an IP address or a network such as 203.0.113.0/24.',
      '- LOG_LEVEL is none of the possible values: write silent, fatal, error, warn, info, debug, trace.',
      '- STACK_RTC_PORTS must be two ports with a hyphen between them, such as 7881-7882.',
      '- DATABASE_URL is set, but Postgres is not built yet: remove it, SQLite in DATA_DIR is used.',
    ]);
    expect(existsSync(join(cwd, '.callwire'))).toBe(false);
  });

  test('are never quoted', () => {
    const error = refusal({
      WEBHOOK_SECRET: 'whsec_made-up',
      WEBHOOK_URL: 'https://user:made-up@backend.example',
      CRM_URL: 'made-up',
    });
    expect(error.message).not.toContain('made-up');
    expect(error.message).toContain('WEBHOOK_SECRET');
    expect(error.message).toContain('WEBHOOK_URL');
    expect(error.message).toContain('CRM_URL');
  });

  test.each([
    ['MAX_CALLS', '0'],
    ['MAX_CALLS', '1e1'],
    ['MAX_CALLS', '2.5'],
    ['MAX_CALL_MINUTES', '1441'],
    ['CONTEXT_BUDGET_MS', '-1'],
    ['STACK_SIP_PORT', '65536'],
    ['OPENAI_BASE_URL', 'api.openai.com'],
    ['CRM_URL', 'https://crm.example/api?tenant=1'],
    ['SIP_ALLOWED_ADDRESSES', '203.0.113.0/33'],
    ['STACK_RTP_PORTS', '20000-10000'],
    ['STACK_REDIS_PORT', '7880'],
    ['STACK_SIP_PORT', '10050'],
    ['SIP_USERNAME', 'carrier'],
  ])('%s=%s is refused', (name, value) => {
    expect(refusal({ [name]: value }).message).toContain(name);
  });
});

describe('LiveKit', () => {
  test('the local stack, however written, has the same made keys', () => {
    const { apiKey, apiSecret } = load().livekit;
    expect(apiSecret.length).toBeGreaterThanOrEqual(32);
    expect(load({ LIVEKIT_URL: 'http://localhost:7880/' }).livekit).toMatchObject({
      url: 'ws://localhost:7880',
      apiKey,
      apiSecret,
    });
    expect(
      load({ LIVEKIT_URL: 'ws://127.0.0.1:17880', STACK_LIVEKIT_PORT: '17880' }).livekit.apiKey,
    ).toBe(apiKey);
  });

  test('another LiveKit needs its own keys', () => {
    expect(refusal({ LIVEKIT_URL: 'wss://x.livekit.example' }).message).toContain(
      'LIVEKIT_API_KEY and LIVEKIT_API_SECRET are missing',
    );
    const livekit = load({
      LIVEKIT_URL: 'wss://x.livekit.example',
      LIVEKIT_API_KEY: 'APImadeup',
      LIVEKIT_API_SECRET: 'made-up',
    }).livekit;
    expect(livekit).toMatchObject({ apiKey: 'APImadeup', apiSecret: 'made-up' });
    expect(existsSync(join(cwd, '.callwire'))).toBe(false);
  });

  test('a key alone is refused', () => {
    expect(refusal({ LIVEKIT_API_KEY: 'APImadeup' }).message).toContain(
      'LIVEKIT_API_SECRET is missing',
    );
  });

  test('a DATA_DIR that cannot be made is a wrong setting', () => {
    writeFileSync(join(cwd, 'file'), '');
    expect(refusal({ DATA_DIR: 'file' }).message).toContain('DATA_DIR');
  });
});

describe('CRM and events', () => {
  test('CRM_URL chooses the http adapter and takes the events', () => {
    const settings = load({ CRM_URL: 'https://crm.example/api/', WEBHOOK_SECRET: 'made-up' });
    expect(settings.crm).toMatchObject({ adapter: 'http', url: 'https://crm.example/api' });
    expect(settings.defaultEndpoint).toEqual({
      url: 'https://crm.example/api/webhooks',
      perEvent: true,
      secret: 'made-up',
    });
  });

  test('WEBHOOK_URL goes first, as it is written', () => {
    expect(
      load({ CRM_URL: 'https://crm.example', WEBHOOK_URL: 'http://10.0.0.7/events/' })
        .defaultEndpoint,
    ).toEqual({ url: 'http://10.0.0.7/events/', perEvent: false, secret: undefined });
  });

  test('the builtin CRM beside a CRM_URL takes no events', () => {
    const settings = load({ CRM_ADAPTER: 'builtin', CRM_URL: 'https://crm.example' });
    expect(settings.crm.adapter).toBe('builtin');
    expect(settings.defaultEndpoint).toBeNull();
  });

  test('adapters that are not there yet say so', () => {
    expect(refusal({ CRM_ADAPTER: 'hubspot' }).message).toContain('not built yet');
    expect(refusal({ CRM_ADAPTER: 'http' }).message).toContain('CRM_URL is missing');
  });

  test('a secret that begins with whsec_ must be base64 of at least 24 bytes', () => {
    const base64 = Buffer.alloc(24, 7).toString('base64');
    expect(
      load({ WEBHOOK_URL: 'http://x.example', WEBHOOK_SECRET: `whsec_${base64}` }).defaultEndpoint
        ?.secret,
    ).toBe(`whsec_${base64}`);
    for (const behind of [base64.slice(0, -4), `${base64.slice(0, -1)}*`, `${base64}=`, '']) {
      expect(refusal({ WEBHOOK_SECRET: `whsec_${behind}` }).message).toContain('WEBHOOK_SECRET');
    }
  });
});

describe('the dial gate', () => {
  test('is read as it is written', () => {
    const { gate, calls } = load({
      CONSENT: 'off',
      CALLING_HOURS: '22:00-06:00',
      DAILY_CALLS: '0',
      CALLS_PER_NUMBER_PER_DAY: '1',
      SPEND_CAP_USD_PER_DAY: '12.5',
      INBOUND_RESERVE: '0',
    });
    expect(gate).toEqual({
      dialling: true,
      consentRequired: false,
      callingHours: { fromMinute: 1_320, toMinute: 360 },
      dailyCalls: 0,
      callsPerNumberPerDay: 1,
      spendCapUsdPerDay: 12.5,
    });
    expect(calls.inboundReserve).toBe(0);
    expect(load({ CALLING_HOURS: 'off' }).gate.callingHours).toBeNull();
  });

  test('PUBLIC_API=off is its kill switch', () => {
    const { gate, server } = load({ PUBLIC_API: 'off' });
    expect(gate.dialling).toBe(false);
    expect(server.publicApi).toBe(false);
  });

  test.each([
    ['CONSENT', 'on'],
    ['CALLING_HOURS', '8-21'],
    ['CALLING_HOURS', '08:00-08:00'],
    ['DAILY_CALLS', '-1'],
    ['SPEND_CAP_USD_PER_DAY', '$5'],
  ])('%s=%s is refused', (name, value) => {
    expect(refusal({ [name]: value }).message).toContain(name);
  });
});

describe('the HTTP API', () => {
  test('SERVER_URL stands in for PUBLIC_URL, which goes first', () => {
    const alias = { SERVER_URL: 'https://one.example/' };
    expect(load(alias).server.publicUrl).toBe('https://one.example');
    expect(load({ ...alias, PUBLIC_URL: 'https://two.example' }).server.publicUrl).toBe(
      'https://two.example',
    );
    expect(refusal({ SERVER_URL: 'one.example' }).message).toContain('PUBLIC_URL');
  });

  test.each([
    ['off', false],
    ['0', false],
    ['False', false],
    ['on', true],
    ['1', true],
  ])('SERVER=%s is read', (word, enabled) => {
    expect(load({ SERVER: word }).server.enabled).toBe(enabled);
    expect(refusal({ SERVER: `${word}?` }).message).toContain('SERVER is none of');
  });

  test('keys are 32 bytes in any usual writing, and never quoted', () => {
    const key = Buffer.alloc(32, 0xfb);
    for (const text of [key.toString('base64'), key.toString('base64url'), key.toString('hex')]) {
      expect(load({ ENCRYPTION_KEY: text }).encryption.key).toEqual(key);
    }
    const previous = `${key.toString('base64')}, ${key.toString('hex')}`;
    expect(load({ ENCRYPTION_KEY_PREVIOUS: previous }).encryption.previous).toEqual([key, key]);
    const error = refusal({
      ENCRYPTION_KEY: 'made-up',
      ENCRYPTION_KEY_PREVIOUS: `${key.toString('hex')},made-up`,
    });
    expect(error.message).toContain('ENCRYPTION_KEY must be 32 bytes');
    expect(error.message).toContain('ENCRYPTION_KEY_PREVIOUS entry 2: must be 32 bytes');
    expect(error.message).not.toContain('made-up');
  });

  test.each([
    ['ENDPOINT_DISABLE_AFTER', '5'],
    ['ENDPOINT_DISABLE_AFTER', '1s'],
    ['ALLOW_NETWORKS', '10.0.0.0/33'],
    ['DELIVERY_PROXY', 'socks5://proxy.example'],
    ['PORT', '65536'],
    ['RATE_LIMIT_READS', '-1'],
  ])('%s=%s is refused', (name, value) => {
    expect(refusal({ [name]: value }).message).toContain(name);
  });

  test('a proxy may have a login, which nothing else may', () => {
    const proxy = 'http://made-up:made-up@proxy.example:3128';
    expect(load({ DELIVERY_PROXY: proxy }).delivery.proxy).toBe(proxy);
  });
});

test('SIP lists are read with their spaces and in every spelling', () => {
  expect(
    load({
      SIP_NUMBERS: ' +1 (555) 010-0000 , +442079460000,',
      SIP_ALLOWED_ADDRESSES: '203.0.113.10, 198.51.100.0/24,2001:db8::/32',
      SIP_USERNAME: 'carrier',
      SIP_PASSWORD: 'made-up',
    }).sip,
  ).toEqual({
    numbers: ['+15550100000', '+442079460000'],
    allowedAddresses: ['203.0.113.10', '198.51.100.0/24', '2001:db8::/32'],
    username: 'carrier',
    password: 'made-up',
    outbound: null,
  });
});

describe('the outbound trunk', () => {
  const outbound = (env: NodeJS.ProcessEnv) =>
    load({ SIP_CALLER_NUMBER: '+15550100000', ...env }).sip.outbound;

  test.each([
    ['sip.example.com', 'sip.example.com', 'auto'],
    ['sip.example.com:5061;transport=TLS', 'sip.example.com:5061', 'tls'],
    ['sip:203.0.113.7;transport=tcp', '203.0.113.7', 'tcp'],
    ['[2001:db8::1]:5060', '[2001:db8::1]:5060', 'auto'],
  ])('at %s is read', (text, address, transport) => {
    expect(outbound({ SIP_OUTBOUND_ADDRESS: text })).toEqual({
      address,
      transport,
      username: undefined,
      password: undefined,
      callerNumber: '+15550100000',
    });
  });

  test.each([
    'https://sip.example.com',
    'user@sip.example.com',
    'sip.example.com:0',
    'sip.example.com:99999',
    'sip.example.com;transport=ws',
    'sip.example.com;transport=tcp;lr',
    'sip.example.com,sip2.example.com',
    '[2001:db8::1::2]',
  ])('at %s is refused', (text) => {
    const { message } = refusal({ SIP_OUTBOUND_ADDRESS: text, SIP_CALLER_NUMBER: '+15550100000' });
    expect(message).toContain('SIP_OUTBOUND_ADDRESS must be a host');
  });

  test('calls from the first of our numbers unless told otherwise', () => {
    const env = { SIP_OUTBOUND_ADDRESS: 'sip.example.com', SIP_CALLER_NUMBER: '' };
    const SIP_NUMBERS = '+15550100007,+15550100008';
    expect(outbound({ ...env, SIP_NUMBERS })).toMatchObject({ callerNumber: '+15550100007' });
    expect(outbound({ ...env, SIP_NUMBERS, SIP_CALLER_NUMBER: '+15550100009' })).toMatchObject({
      callerNumber: '+15550100009',
    });
    expect(refusal(env).message).toContain('SIP_CALLER_NUMBER is missing');
  });

  test('needs both halves of a login, and is not there without an address', () => {
    const login = { SIP_OUTBOUND_USERNAME: 'trunk', SIP_OUTBOUND_PASSWORD: 'made-up' };
    expect(outbound({ ...login, SIP_OUTBOUND_ADDRESS: 'sip.example.com' })).toMatchObject({
      username: 'trunk',
      password: 'made-up',
    });
    expect(outbound(login)).toBeNull();
    expect(refusal({ SIP_OUTBOUND_USERNAME: 'trunk' }).message).toContain(
      'SIP_OUTBOUND_PASSWORD is missing',
    );
  });
});

test('RECORDING_ENGINE=egress needs a bucket', () => {
  const egress = { RECORDING_ENGINE: 'egress' };
  expect(load({ ...egress, RECORDINGS_URL: 's3://my-bucket' }).recordingEngine).toBe('egress');
  for (const RECORDINGS_URL of ['', '/var/recordings']) {
    expect(refusal({ ...egress, RECORDINGS_URL }).message).toContain('RECORDINGS_URL is no bucket');
  }
});

describe('RECORDINGS_URL', () => {
  test('is a folder, or a bucket with a prefix', () => {
    const place = (text: string) => load({ RECORDINGS_URL: text }).recordings;
    expect(place('/var/recordings')).toEqual({ kind: 'folder', path: '/var/recordings' });
    expect(place('sound')).toEqual({
      kind: 'folder',
      path: expect.stringMatching(/^\/.*\/sound$/),
    });
    expect(place('s3://my-bucket')).toEqual({ kind: 's3', bucket: 'my-bucket', prefix: '' });
    expect(place('s3://my-bucket/calls/of/2026/')).toEqual({
      kind: 's3',
      bucket: 'my-bucket',
      prefix: 'calls/of/2026',
    });
  });

  test.each([
    'https://my-bucket.s3.amazonaws.com',
    's3://',
    's3://My_Bucket',
    's3://bucket/x?y=1',
    'gs://bucket',
  ])('%s is neither', (text) => {
    expect(refusal({ RECORDINGS_URL: text }).message).toContain(
      'RECORDINGS_URL must be a folder, or a bucket such as s3://my-bucket/callwire',
    );
  });
});
