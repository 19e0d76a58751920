import { pino } from 'pino';
import type { ApiOptions } from './api_options.ts';
import { buildApi } from './server.ts';

/** docs/openapi.json: the description as a fresh installation gives it. No route is ever called. */
export async function openapiText(): Promise<string> {
  const app = await buildApi({
    store: {},
    secrets: {},
    recordings: {},
    agents: () => [],
    checkUrl: () => undefined,
    readiness: [],
    livekitWebhooks: {},
    metrics: { requestAnswered: () => undefined },
    log: pino({ level: 'silent' }),
    apiKey: undefined,
    writesPerMinute: 0,
    readsPerMinute: 0,
    publicApi: true,
    metricsOpen: false,
    publicUrl: undefined,
  } as unknown as ApiOptions);
  const document = app.swagger();
  await app.close();
  return `${JSON.stringify(document, null, 2)}\n`;
}
