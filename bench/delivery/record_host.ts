import { startRecord } from '../../agent/record.ts';
import { loadProfiles } from '../../src/config/profiles.ts';
import { loadSettings } from '../../src/config/settings.ts';
import { livekitApi } from '../../src/telephony/livekit_api.ts';
import { serveBench } from '../bench_process.ts';

/**
 * The worker without its calls: everything durable in it, started as the worker starts it, from the
 * environment. LiveKit is only asked for rooms of calls that died, and none does here.
 */
const settings = loadSettings();
const record = await startRecord(settings, {
  livekit: livekitApi(settings.livekit),
  profiles: await loadProfiles(settings.agentsDir),
  load: { registered: Promise.resolve(), inboundCalls: () => 0, outboundCalls: () => [] },
});
serveBench(
  'ready',
  () => Promise.reject(new Error('takes no orders')),
  () => record.close(),
);
