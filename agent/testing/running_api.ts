import { onTestFinished } from 'vitest';
import type { LookedAtProfiles } from '../../src/call/current_profiles.ts';
import { loadSettings, type Settings } from '../../src/config/settings.ts';
import type { LiveKitApi } from '../../src/telephony/livekit_api.ts';
import { startHttpApi } from '../http_api.ts';
import type { WorkerLoad } from '../outbound.ts';
import { type RunningRecord, startRecord } from '../record.ts';

/** Made up. */
const API_KEY = 'a-made-up-key-of-the-environment';

export const livekit = {
  rooms: { listRooms: () => Promise.resolve([]) },
} as unknown as LiveKitApi;
/** A worker that LiveKit knows and that has no calls. */
export const idle: WorkerLoad = {
  registered: Promise.resolve(),
  inboundCalls: () => 0,
  outboundCalls: () => [],
};
export const profiles: LookedAtProfiles = {
  version: '',
  all: [],
  sources: [],
  forNumber: () => null,
  refresh: () => Promise.resolve(),
};

export function settingsIn(cwd: string, env: Record<string, string> = {}): Settings {
  const some = { DATA_DIR: 'data', PORT: '0', API_KEY, ALLOW_NETWORKS: '127.0.0.1' };
  return loadSettings({ cwd, env: { ...some, ...env } });
}

export interface RunningApi {
  record: RunningRecord;
  settings: Settings;
  request(
    method: string,
    path: string,
    body?: object,
    // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of a body
  ): Promise<{ status: number; body: any }>;
  close(): Promise<void>;
}

/** The worker's record and API, without LiveKit and without calls. */
export async function runningApi(
  folder: string,
  env: Record<string, string> = {},
): Promise<RunningApi> {
  const settings = settingsIn(folder, env);
  const record = await startRecord(settings, { livekit, load: idle, profiles });
  const api = await startHttpApi(settings, {
    record,
    profiles,
    livekit,
    takeNotice: () => undefined,
  });
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= (async () => {
      await api?.close();
      await record.close();
    })();
    return closed;
  };
  onTestFinished(close);
  const request: RunningApi['request'] = async (method, path, body) => {
    const answer = await fetch(`${api?.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${API_KEY}`,
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const isJson = answer.headers.get('content-type')?.includes('json');
    return { status: answer.status, body: await (isJson ? answer.json() : answer.text()) };
  };
  return { record, settings, request, close };
}
