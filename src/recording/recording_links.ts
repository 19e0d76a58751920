import { setTimeout as sleep } from 'node:timers/promises';
import { recordingOf } from '../events/recording_job.ts';
import type { RecordingRecord } from '../store/recording_store.ts';
import type { Store } from '../store/store.ts';
import type { RecordingStorage } from './recording_storage.ts';

/** A URL of a recording works for so long; there is a new one at every read. */
const LINK_MS = 15 * 60_000;

/** How long somebody waits for a recording that is being stored; on a disk that takes milliseconds. */
const STORING_LIMIT_MS = 10_000;
const LOOK_EVERY_MS = 100;

export interface RecordingLink {
  url: string;
  /** Milliseconds. */
  expiresAt: number;
}

export interface RecordingLinksOptions {
  store: Pick<Store, 'getRecording' | 'listFacts'>;
  storages: readonly RecordingStorage[];
  /** Milliseconds. (Default: `Date.now`) */
  clock?: () => number;
  /** (Default: 10 s) */
  storingLimitMs?: number;
}

/** Where recordings can be fetched, for a quarter of an hour from now. */
export class RecordingLinks {
  readonly #options: RecordingLinksOptions;
  readonly #clock: () => number;

  constructor(options: RecordingLinksOptions) {
    this.#options = options;
    this.#clock = options.clock ?? Date.now;
  }

  /** `null` for a call without a recording, and for one that is deleted or about to be. */
  async of(callId: string): Promise<RecordingLink | null> {
    const recording = await this.#options.store.getRecording(callId);
    if (recording === null || !isThere(recording, this.#clock())) return null;
    return await this.to(recording);
  }

  async to(recording: Pick<RecordingRecord, 'callId' | 'location'>): Promise<RecordingLink> {
    // Whole seconds, which is what the URLs count in.
    const expiresAt = Math.floor(this.#clock() / 1_000) * 1_000 + LINK_MS;
    const storage = storageFor(this.#options.storages, recording.location);
    return { url: await storage.link(recording, expiresAt), expiresAt };
  }

  /** As `of`; waits a moment where the call was recorded and the recording is still being stored. */
  async soon(callId: string, signal: AbortSignal): Promise<RecordingLink | null> {
    const { store, storingLimitMs = STORING_LIMIT_MS } = this.#options;
    const giveUpAt = performance.now() + storingLimitMs;
    while ((await store.getRecording(callId)) === null) {
      if (performance.now() >= giveUpAt || signal.aborted) return null;
      if (recordingOf(await store.listFacts(callId)) === null) return null;
      await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
    return await this.of(callId);
  }
}

/** Whether it may be read: due for deletion counts as deleted, whatever the disk still has. */
export function isThere({ state, deleteAfter }: RecordingRecord, now: number): boolean {
  return state === 'stored' && (deleteAfter === null || deleteAfter > now);
}

export function storageFor(
  storages: readonly RecordingStorage[],
  location: string,
): RecordingStorage {
  const storage = storages.find((one) => one.has(location));
  if (!storage) throw new Error('a recording lies where nothing can be read');
  return storage;
}
