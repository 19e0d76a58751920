import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InjectOptions } from 'fastify';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { createSecretBox, type SecretBox } from '../../config/secret_box.ts';
import { readContact } from '../../crm/contact_record.ts';
import { CallwireError } from '../../errors.ts';
import { eventComposer } from '../../events/composer.ts';
import { createIngest } from '../../ingest/ingest.ts';
import { createRecordings } from '../../recording/recordings.ts';
import type { ApiScope } from '../../store/endpoint_store.ts';
import { openSqliteStore } from '../../store/sqlite_store.ts';
import type { AppendResult, Store } from '../../store/store.ts';
import { livekitWebhookReader, type RoomNotice } from '../../telephony/livekit_webhook.ts';
import type { ApiApp } from '../api_app.ts';
import { newApiKey } from '../api_key.ts';
import type { ApiOptions } from '../api_options.ts';
import { createMetrics } from '../metrics.ts';
import { databaseCheck, deliveriesCheck } from '../readiness.ts';
import { buildApi } from '../server.ts';

/** Made up; the environment's. */
export const API_KEY = 'a-made-up-key-of-the-environment';

/** Made up; what LiveKit signs its webhooks with. */
export const LIVEKIT = { apiKey: 'APItest', apiSecret: 'a-made-up-secret-of-enough-characters' };

/** Made up; what other platforms sign with. */
export const INGEST_SECRETS = {
  retell: 'key_test_retell_webhook',
  vapi: 'vapi_secret',
  bland: 'bland_whsec',
  elevenlabs: 'wsec_made_up_for_tests',
  generic: 'a-made-up-ingest-secret',
};

export interface TestApi {
  app: ApiApp;
  options: ApiOptions;
  store: Store;
  secrets: SecretBox;
  /** What was logged, as JSON lines. */
  logged: string[];
  /** What LiveKit's webhooks told. */
  noticed: RoomNotice[];
  /** With the environment's key, unless told otherwise (`null`: none). */
  request(
    method: InjectOptions['method'],
    url: string,
    options?: { body?: unknown; key?: string | null; headers?: Record<string, string> },
    // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of a body
  ): Promise<{ status: number; body: any; headers: Record<string, unknown> }>;
  makeKey(...scopes: ApiScope[]): Promise<string>;
}

/** The API on a store of its own, gone with the test. Hosts that end in `.private` are refused. */
export async function testApi(overrides: Partial<ApiOptions> = {}): Promise<TestApi> {
  const dataDir = await mkdtemp(join(tmpdir(), 'callwire-api-'));
  const store = await openSqliteStore({
    dataDir,
    composer: eventComposer,
    defaultEndpoint: { perEvent: false },
  });
  const keys = { current: randomBytes(32), previous: [] };
  const secrets = createSecretBox(keys);
  const recordings = await createRecordings({
    place: { kind: 'folder', path: join(dataDir, 'recordings') },
    dataDir,
    keys,
    store,
    baseUrl: () => 'http://api.example',
  });
  const logged: string[] = [];
  const noticed: RoomNotice[] = [];
  const options: ApiOptions = {
    store,
    secrets,
    agents: () => [AGENT],
    outbound: null,
    endCall: (id) => store.getCall(id),
    recordings,
    checkUrl: ({ hostname }) => {
      if (!hostname.endsWith('.private')) return;
      throw new CallwireError('DELIVERY_ADDRESS_REFUSED', 'The host is a private address.');
    },
    readiness: [databaseCheck(store, () => null), deliveriesCheck(store)],
    livekitWebhooks: {
      read: livekitWebhookReader(LIVEKIT),
      take: (notice) => void noticed.push(notice),
    },
    ingest: createIngest({
      secrets: INGEST_SECRETS,
      commit: async (append) => (await store.append([append]))[0] as AppendResult,
      questions: {
        crm: {
          findByPhone: async (phone) => {
            const [contact] = await store.findContacts({ phone, limit: 1 });
            return contact ? readContact(contact) : null;
          },
        },
        agentFor: () => null,
        log: pino({ level: 'silent' }),
      },
      staleAfterMs: 6 * 3_600_000,
      log: pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) }),
    }),
    metrics: createMetrics({ store, liveCalls: () => 3 }),
    log: pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) }),
    apiKey: API_KEY,
    writesPerMinute: 0,
    readsPerMinute: 0,
    publicApi: true,
    metricsOpen: false,
    publicUrl: undefined,
    ...overrides,
  };
  const app = await buildApi(options);
  onTestFinished(async () => {
    await app.close();
    await store.close();
    await rm(dataDir, { recursive: true });
  });
  return {
    app,
    options,
    store,
    secrets,
    logged,
    noticed,
    request: async (method, url, { body, key = API_KEY, headers = {} } = {}) => {
      const answer = await app.inject({
        ...(method && { method }),
        url,
        headers: { ...(key !== null && { authorization: `Bearer ${key}` }), ...headers },
        ...(body !== undefined && { payload: body as object | string }),
      });
      const isJson = String(answer.headers['content-type']).includes('json');
      return {
        status: answer.statusCode,
        body: isJson ? answer.json() : answer.payload,
        headers: answer.headers,
      };
    },
    makeKey: async (...scopes) => {
      const { key, record } = newApiKey({ name: 'test', scopes });
      await store.createApiKey(record);
      return key;
    },
  };
}

export const AGENT = {
  id: 'receptionist',
  name: 'Front desk',
  numbers: ['+15550100000'],
  model: 'gpt-realtime',
  voice: 'marin',
  language: 'en',
};
