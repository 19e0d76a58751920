import {
  EgressClient,
  type EgressInfo,
  EgressStatus,
  EncodedFileOutput,
  EncodedFileType,
  type RoomCompositeOptions,
  S3Upload,
} from 'livekit-server-sdk';
import type { RecordingsPlace } from '../config/setting_schemas.ts';
import type { LiveKitAccess } from '../telephony/livekit_api.ts';

/** The agent left, everybody else right; its name is not exported by livekit-server-sdk 2.19. */
const DUAL_CHANNEL_AGENT = 1 as NonNullable<RoomCompositeOptions['audioMixing']>;
const REQUEST_TIMEOUT_IN_SECONDS = 5;

export const EGRESS_CONTENT_TYPE = 'audio/ogg';

/** The last part of the key of a recording that LiveKit Egress makes. */
export function egressName(callId: string): string {
  return `${callId}.ogg`;
}

export function egressClient({ url, apiKey, apiSecret }: LiveKitAccess): EgressClient {
  return new EgressClient(url.replace(/^ws/, 'http'), apiKey, apiSecret, {
    requestTimeout: REQUEST_TIMEOUT_IN_SECONDS,
    // A start that is sent to a second region could record twice.
    failover: false,
  });
}

/**
 * Has LiveKit Egress record the sound of a room into the bucket, until the room is gone or it is
 * stopped. It gets the keys of this environment; without any it uses its own. Returns its id.
 */
export async function startEgress(
  client: Pick<EgressClient, 'startRoomCompositeEgress'>,
  { room, callId, place }: { room: string; callId: string; place: RecordingsPlace },
): Promise<string> {
  if (place.kind !== 's3') throw new Error('egress puts recordings into a bucket only');
  const { env } = process;
  const endpoint = env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL ?? '';
  const bucket = new S3Upload({
    bucket: place.bucket,
    region: env.AWS_REGION ?? env.AWS_DEFAULT_REGION ?? '',
    accessKey: env.AWS_ACCESS_KEY_ID ?? '',
    secret: env.AWS_SECRET_ACCESS_KEY ?? '',
    sessionToken: env.AWS_SESSION_TOKEN ?? '',
    endpoint,
    forcePathStyle: endpoint !== '',
  });
  const file = new EncodedFileOutput({
    fileType: EncodedFileType.OGG,
    filepath: [place.prefix, egressName(callId)].filter(Boolean).join('/'),
    // It would lie beside the recording and outlive it.
    disableManifest: true,
    output: { case: 's3', value: bucket },
  });
  const options = { audioOnly: true, audioMixing: DUAL_CHANNEL_AGENT };
  const { egressId } = await client.startRoomCompositeEgress(room, { file }, options);
  return egressId;
}

export type EgressResult =
  | { kind: 'under_way' }
  | { kind: 'stored'; bytes: number; durationMs: number }
  | { kind: 'failed'; error: string };

/** What became of it. */
export async function egressResult(
  client: Pick<EgressClient, 'listEgress'>,
  egressId: string,
): Promise<EgressResult> {
  const [info] = await client.listEgress({ egressId });
  if (!info) return { kind: 'failed', error: 'LiveKit knows nothing of it' };
  return resultOf(info);
}

function resultOf({ status, fileResults, error }: EgressInfo): EgressResult {
  const [file] = fileResults;
  switch (status) {
    case EgressStatus.EGRESS_COMPLETE:
    case EgressStatus.EGRESS_LIMIT_REACHED:
      if (!file) return { kind: 'failed', error: 'it has no file' };
      return {
        kind: 'stored',
        bytes: Number(file.size),
        durationMs: Number(file.duration / 1_000_000n),
      };
    case EgressStatus.EGRESS_FAILED:
    case EgressStatus.EGRESS_ABORTED:
      return { kind: 'failed', error: error || EgressStatus[status] };
    default:
      return { kind: 'under_way' };
  }
}
