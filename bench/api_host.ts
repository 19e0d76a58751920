import { startHttpApi } from '../agent/http_api.ts';
import { startRecord } from '../agent/record.ts';
import { LiveProfiles } from '../src/config/live_profiles.ts';
import { logger } from '../src/config/log.ts';
import { loadSettings } from '../src/config/settings.ts';
import { livekitApi } from '../src/telephony/livekit_api.ts';
import { serveBench } from './bench_process.ts';

/**
 * The worker without its calls: its record and its HTTP API, started as the worker starts them, from
 * the environment. LiveKit is only asked for rooms of calls that died, and none does here.
 */
const settings = loadSettings();
const profiles = await LiveProfiles.load({ dir: settings.agentsDir, log: logger('bench') });
const livekit = livekitApi(settings.livekit);
const record = await startRecord(settings, {
  livekit,
  profiles,
  load: { registered: Promise.resolve(), inboundCalls: () => 0, outboundCalls: () => [] },
});
const api = await startHttpApi(settings, {
  record,
  profiles,
  livekit,
  takeNotice: () => undefined,
});
serveBench(
  { url: api?.url ?? null },
  () => Promise.reject(new Error('takes no orders')),
  async () => {
    await api?.close();
    await record.close();
  },
);
