import { join } from 'node:path';
import { logger } from '../config/log.ts';
import type { EncryptionKeys } from '../config/secret_box.ts';
import type { RecordingsPlace } from '../config/setting_schemas.ts';
import type { Store } from '../store/store.ts';
import type { LiveKitAccess } from '../telephony/livekit_api.ts';
import { egressClient, egressResult } from './egress.ts';
import { FolderStorage } from './folder_storage.ts';
import { RecordingDeleter } from './recording_deleter.ts';
import { RecordingHandler } from './recording_handler.ts';
import { isThere, RecordingLinks } from './recording_links.ts';
import type { RecordingStorage } from './recording_storage.ts';
import { createUrlSigner } from './url_signer.ts';

export interface RecordingsOptions {
  place: RecordingsPlace;
  dataDir: string;
  keys: EncryptionKeys;
  store: Pick<Store, 'getRecording' | 'listFacts' | 'recordingsToDelete' | 'recordingDeleted'>;
  /** Whose egress records; `null` where none does. (Default: `null`) */
  egress?: LiveKitAccess | null;
  /** Where the HTTP API is reached. */
  baseUrl: () => string;
}

/** What a request for the bytes of a recording finds. */
export type FoundRecording =
  | { kind: 'file'; path: string }
  /** There was one. */
  | { kind: 'deleted' }
  | { kind: 'none' };

/** Everything about finished recordings in the worker. */
export interface Recordings {
  /** Does the jobs of kind `recording`. */
  handler: RecordingHandler;
  links: RecordingLinks;
  /** Deletes those whose time is over. */
  deleter: RecordingDeleter;
  /** Whether this URL is one of ours and still good. */
  isGood(callId: string, expires: string, signature: string): boolean;
  /** For a URL that is good. */
  find(callId: string): Promise<FoundRecording>;
}

export async function createRecordings(options: RecordingsOptions): Promise<Recordings> {
  const { place, dataDir, store, baseUrl } = options;
  const log = logger('recording');
  const signer = createUrlSigner(options.keys);
  const folder = new FolderStorage({
    // What was recorded before RECORDINGS_URL named a bucket lies in the default folder.
    folder: place.kind === 'folder' ? place.path : join(dataDir, 'recordings'),
    signer,
    baseUrl,
  });
  const storage = place.kind === 'folder' ? folder : await bucketOf(place);
  const storages = storage === folder ? [folder] : [storage, folder];
  const links = new RecordingLinks({ store, storages });
  const client = options.egress ? egressClient(options.egress) : null;
  const egress = client && ((egressId: string) => egressResult(client, egressId));
  return {
    handler: new RecordingHandler({ dataDir, storage, links, egress, log }),
    links,
    deleter: new RecordingDeleter({ store, storages }),
    isGood(callId, expires, signature) {
      const until = /^\d{1,12}$/.test(expires) ? Number(expires) : 0;
      // Judged before the time: who cannot sign learns nothing.
      return signer.isRight(callId, until, signature) && until * 1_000 > Date.now();
    },
    async find(callId) {
      const recording = await store.getRecording(callId);
      if (recording === null || !folder.has(recording.location)) return { kind: 'none' };
      if (!isThere(recording, Date.now())) return { kind: 'deleted' };
      return { kind: 'file', path: folder.pathOf(recording.location) };
    },
  };
}

/** Loaded where it is needed: the client of S3 is 200 modules. */
async function bucketOf(
  place: Extract<RecordingsPlace, { kind: 's3' }>,
): Promise<RecordingStorage> {
  const { S3Storage } = await import('./s3_storage.ts');
  return new S3Storage(place);
}
