import { startRecord } from '../../agent/record.ts';
import { LiveProfiles } from '../../src/config/live_profiles.ts';
import { logger } from '../../src/config/log.ts';
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
  profiles: await LiveProfiles.load({ dir: settings.agentsDir, log: logger('bench') }),
  load: { registered: Promise.resolve(), inboundCalls: () => 0, outboundCalls: () => [] },
});
serveBench(
  'ready',
  () => Promise.reject(new Error('takes no orders')),
  () => record.close(),
);
