import { closeSync, fdatasyncSync, openSync } from 'node:fs';
import type { CallwireError } from '../errors.ts';
import { brokenDisk, type Durability } from './wal_sync.ts';

/** Twice what the way to the main thread's fsync and back takes, on two cores that are not idle. */
const QUICK_MS = 1;
/**
 * Of so many fsyncs, about, is the mean, and none counts for more than four quick ones. One in a hundred takes
 * some milliseconds on any disk; by the plain mean of eight, each of these handed all over for 5 s.
 */
const MEAN_OF = 64;
const COUNTS_AS_MOST = 4;
const TRY_AGAIN_MS = 5_000;

export interface QuickSyncOptions {
  /** The database file. */
  file: string;
  /** Up to which mean the thread does it itself, milliseconds; 0 = never. (Default: 1) */
  quickMs?: number;
  /** (Default: the WAL's `fdatasync`) */
  sync?: () => void;
  clock?: () => number;
}

/**
 * How the store's thread makes its commits durable: itself, where the disk is quick; else it counts them, and
 * the main thread is told up to which commit an answer needs (`WalSync`).
 *
 * ```
 * quick, as it begins ── the mean of its fsyncs is above 1 ms ──► slow ── 5 s ──► tries one
 *    ▲                                                                             │
 *    └──────────────────────────── that took 1 ms at most ─────────────────────────┘ else slow
 *                                  an fsync failed (in any state) ──► broken, for good
 * ```
 *
 * To hand an fsync of 0.3 ms over and back took 0.3 ms more and kept the main thread busy: at 500 webhooks a
 * second the p99 was 25 ms with it and 14 without. On a disk that takes 3 ms the thread would do little else.
 */
export class QuickSync implements Durability {
  readonly #options: Required<Omit<QuickSyncOptions, 'file'>>;
  #count = 0;
  #synced = 0;
  #meanMs: number | null = null;
  #slowUntil = 0;
  #wal: number | undefined;
  #broken: CallwireError | null = null;

  constructor({ file, ...options }: QuickSyncOptions) {
    this.#options = {
      quickMs: QUICK_MS,
      sync: () => this.#fdatasync(file),
      clock: () => performance.now(),
      ...options,
    };
  }

  /** The commits so far, where not all of them are on the disk: somebody else has to see to it. Else 0. */
  get unsynced(): number {
    return this.#synced < this.#count ? this.#count : 0;
  }

  wrote(): void {
    this.#count += 1;
  }

  /** Resolves at once, also where somebody else does it. */
  durable(): Promise<void> {
    this.check();
    this.#syncIfQuick();
    return Promise.resolve();
  }

  #syncIfQuick(): void {
    const { quickMs, sync, clock } = this.#options;
    const start = clock();
    if (this.#synced === this.#count || quickMs === 0 || start < this.#slowUntil) return;
    try {
      sync();
    } catch (cause) {
      this.#broken = brokenDisk(cause);
      throw this.#broken;
    }
    this.#synced = this.#count;
    const took = clock() - start;
    const mean = this.#meanMs ?? took;
    this.#meanMs = mean + (Math.min(took, quickMs * COUNTS_AS_MOST) - mean) / MEAN_OF;
    if (this.#meanMs <= quickMs) return;
    this.#meanMs = null;
    this.#slowUntil = clock() + TRY_AGAIN_MS;
  }

  check(): void {
    if (this.#broken !== null) throw this.#broken;
  }

  #fdatasync(file: string): void {
    this.#wal ??= openSync(`${file}-wal`, 'r+');
    fdatasyncSync(this.#wal);
  }

  close(): Promise<void> {
    if (this.#wal !== undefined) closeSync(this.#wal);
    this.#wal = undefined;
    return Promise.resolve();
  }
}
