import { setTimeout as sleep } from 'node:timers/promises';
import { logger } from '../config/log.ts';
import { ClockJump, type Clocks } from '../ledger/clock_jump.ts';
import type { RecordingRecord } from '../store/recording_store.ts';
import type { Store } from '../store/store.ts';
import { storageFor } from './recording_links.ts';
import type { RecordingStorage } from './recording_storage.ts';

const EVERY_MS = 5 * 60_000;
/** So many a look; more than fail at a time, so that those do not hide the others. */
const LOOKED_AT = 1_000;
const REMOVE_LIMIT_MS = 10_000;
/** A clock that has jumped ahead has so long to be put right. */
const DISTRUST_MS = 3_600_000;

export interface RecordingDeleterOptions extends Clocks {
  store: Pick<Store, 'getRecording' | 'recordingsToDelete' | 'recordingDeleted'>;
  storages: readonly RecordingStorage[];
  /** (Default: 5 min) */
  everyMs?: number;
}

/**
 * Deletes recordings: when their time is over, and at once when somebody says so.
 *
 * ```
 * stored ── delete_after is over; retention, a pruned or redacted call ──► due ── bytes gone ──► deleted
 *                                                                          ⟲ it failed: next look
 * ```
 *
 * The bytes go first, then the mark: a crash in between deletes what is gone, which is a success.
 */
export class RecordingDeleter {
  readonly #options: RecordingDeleterOptions;
  readonly #log = logger('recording');
  readonly #closing = new AbortController();
  readonly #clock: ClockJump;
  #running: Promise<void> = Promise.resolve();
  #distrustUntil = Number.NEGATIVE_INFINITY;

  constructor(options: RecordingDeleterOptions) {
    this.#options = options;
    this.#clock = new ClockJump(options);
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Aborts what is under way; the next start finds it due. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  /** Now, whatever its time. `false`: that did not work, and is tried again where it is due. */
  async deleteNow(callId: string): Promise<boolean> {
    const recording = await this.#options.store.getRecording(callId);
    if (recording === null || recording.state === 'deleted') return true;
    return await this.#delete(recording);
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await this.#round().catch((err: unknown) =>
        this.#log.error({ err }, 'recordings could not be deleted, will be tried again'),
      );
      const pause = this.#options.everyMs ?? EVERY_MS;
      await sleep(pause, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  async #round(): Promise<void> {
    const { now, jumped } = this.#clock.look();
    const steady = this.#options.steadyClock?.() ?? performance.now();
    if (jumped) this.#distrustUntil = steady + DISTRUST_MS;
    if (steady < this.#distrustUntil) {
      this.#log.warn('the clock has jumped ahead: no recording is deleted for an hour');
      return;
    }
    const due = await this.#options.store.recordingsToDelete({ now, limit: LOOKED_AT });
    let deleted = 0;
    for (const recording of due) {
      if (this.#closing.signal.aborted) return;
      if (await this.#delete(recording)) deleted++;
    }
    if (due.length > 0) this.#log.info({ deleted, due: due.length }, 'old recordings were deleted');
  }

  async #delete({ callId, location }: RecordingRecord): Promise<boolean> {
    const { store, storages } = this.#options;
    const limit = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(REMOVE_LIMIT_MS)]);
    try {
      await storageFor(storages, location).remove(location, limit);
      await store.recordingDeleted(callId);
      return true;
    } catch (err) {
      this.#log.error({ err, call: callId }, 'a recording could not be deleted');
      return false;
    }
  }
}
