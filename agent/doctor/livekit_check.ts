import type { Settings } from '../../src/config/settings.ts';
import type { LiveKitApi } from '../../src/telephony/livekit_api.ts';
import { explained } from '../../src/telephony/provisioning_errors.ts';
import type { Check } from './finding.ts';

/** LiveKit answers and takes the key. */
export function livekitCheck({ livekit }: Settings, { rooms }: Pick<LiveKitApi, 'rooms'>): Check {
  return {
    name: 'livekit',
    look: async () => {
      const startedAt = performance.now();
      await explained(() => rooms.listRooms(['callwire-doctor']));
      const ms = Math.round(performance.now() - startedAt);
      return { status: 'ok', message: `${livekit.url} takes the key, ${ms} ms` };
    },
  };
}
