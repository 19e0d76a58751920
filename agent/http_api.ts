import { endpointUrlCheck } from '../src/api/endpoint_address.ts';
import { databaseCheck, deliveriesCheck, type ReadinessCheck } from '../src/api/readiness.ts';
import { type RunningApi, startApi } from '../src/api/server.ts';
import { logger } from '../src/config/log.ts';
import type { Profiles } from '../src/config/profiles.ts';
import type { Settings } from '../src/config/settings.ts';
import type { LiveKitApi } from '../src/telephony/livekit_api.ts';
import { livekitWebhookReader, type RoomNotice } from '../src/telephony/livekit_webhook.ts';
import type { RunningRecord } from './record.ts';

const log = logger('api');

/** Below it a key can be guessed; only said, for a local trial may have any. */
const SHORT_KEY = 16;

/** The worker's HTTP API on its record; `null` with SERVER=off. */
export async function startHttpApi(
  settings: Settings,
  parts: {
    record: Pick<
      RunningRecord,
      'store' | 'secrets' | 'metrics' | 'writeFailure' | 'outbound' | 'recordings' | 'ingest'
    >;
    profiles: Profiles;
    livekit: LiveKitApi;
    /** Told of every webhook of LiveKit. */
    takeNotice: (notice: RoomNotice) => void;
  },
): Promise<RunningApi | null> {
  const { enabled, ...server } = settings.server;
  if (!enabled) {
    const recorded = parts.profiles.all.some(({ recording }) => recording !== null);
    if (recorded && settings.recordings.kind === 'folder') {
      log.warn('SERVER=off: recordings are kept, and nobody serves their URLs');
    }
    return null;
  }
  const { store, secrets, metrics, writeFailure, outbound, recordings, ingest } = parts.record;
  const trunk = settings.sip.outbound;
  const api = await startApi({
    ...server,
    store,
    secrets,
    metrics,
    outbound: trunk && { callerNumber: trunk.callerNumber, accept: outbound.accept },
    endCall: outbound.end,
    recordings,
    ingest,
    agents: () => parts.profiles.all,
    checkUrl: endpointUrlCheck(settings.delivery.allowNetworks),
    readiness: [
      databaseCheck(store, writeFailure),
      deliveriesCheck(store),
      livekitCheck(parts.livekit),
    ],
    livekitWebhooks: { read: livekitWebhookReader(settings.livekit), take: parts.takeNotice },
    log,
  });
  if (server.apiKey !== undefined && server.apiKey.length < SHORT_KEY) {
    log.warn('API_KEY is short enough to be guessed: make it with openssl rand -base64 32');
  }
  log.info({ url: api.url }, 'the HTTP API listens');
  return api;
}

function livekitCheck(livekit: LiveKitApi): ReadinessCheck {
  return {
    name: 'livekit',
    check: async () => {
      await livekit.rooms.listRooms(['callwire-readiness-check']);
      return {};
    },
  };
}
