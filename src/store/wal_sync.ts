import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CallwireError } from '../errors.ts';

/** Of commits: which of them are promised to somebody, and when they may be. */
export interface Durability {
  /** Something was committed that must not be lost. */
  wrote(): void;
  /**
   * Resolves when all that was written by now is on the disk.
   *
   * @throws `STORE_IO`, from then on always.
   */
  durable(): Promise<void>;
  /** @throws `STORE_IO` where nothing that is written can be promised any more. */
  check(): void;
  /** Behind what is still waited for. */
  close(): Promise<void>;
}

/**
 * Makes commits durable beside the thread that makes them. SQLite's own fsync (`synchronous=FULL`) holds
 * its thread: at 500 webhooks a second two thirds of its time, 1.4 to 4.9 ms for each commit on a busy disk, and
 * whoever only wanted to read waited as well. Here the commit writes the WAL, the fsync runs in libuv's
 * pool, and an answer waits for it alone; what is committed meanwhile shares the next one.
 *
 * ```
 * quiet ── durable ──► syncing ── nothing written since ──► quiet
 *                       │   ▲ └── more was written, and somebody waits for it
 *                       │   └───────────────┘
 *                       └── the fsync failed ──► broken
 * ```
 *
 * Broken is final. Behind a failed fsync the kernel takes the pages for clean, so that the next one
 * would say that they are on the disk; and a WAL with a gap ends at it
 * (https://wiki.postgresql.org/wiki/Fsync_Errors). A restart finds out what is there.
 *
 * The worker does it in its main thread, for the store's has always something to do: there an fsync of 1 ms
 * was noticed 4 ms later at the median, and 25 at the 99th percentile (`thread_store.ts`). On a disk that is
 * quicker than the way there and back, the store's thread does it itself after all (`quick_sync.ts`).
 *
 * An fsync reaches what was written through any descriptor of the file, and SQLite keeps the file for as
 * long as a connection is open. (`synchronous=NORMAL` still syncs around checkpoints, and the header when
 * the WAL begins anew: https://sqlite.org/pragma.html#pragma_synchronous)
 */
export class WalSync implements Durability {
  readonly #wal: FileHandle;
  /** Commits that somebody is, or will be, promised; and those of them that are on the disk. */
  #written = 0;
  #synced = 0;
  #running: Promise<void> | null = null;
  #broken: CallwireError | null = null;

  private constructor(wal: FileHandle) {
    this.#wal = wal;
  }

  /** @param database The file of a connection that is open, and has read or written. */
  static async open(database: string): Promise<WalSync> {
    const folder = await open(dirname(database), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
    return new WalSync(await open(`${database}-wal`, 'r+'));
  }

  wrote(): void {
    this.#written += 1;
  }

  /** @param upTo The first of the commits, by somebody else's count. (Default: all that were written) */
  async durable(upTo = this.#written): Promise<void> {
    this.check();
    this.#written = Math.max(upTo, this.#written);
    while (this.#synced < upTo) {
      this.check();
      this.#running ??= this.#sync();
      await this.#running;
    }
  }

  check(): void {
    if (this.#broken !== null) throw this.#broken;
  }

  async close(): Promise<void> {
    await this.durable().catch(() => {});
    await this.#wal.close();
  }

  async #sync(): Promise<void> {
    const upTo = this.#written;
    try {
      await this.#wal.datasync();
      this.#synced = upTo;
    } catch (cause) {
      this.#broken ??= brokenDisk(cause);
      throw this.#broken;
    } finally {
      this.#running = null;
    }
  }
}

/** Nothing that was written can be promised any more. */
export function brokenDisk(cause: unknown): CallwireError {
  const { code = 'unknown' } = cause as NodeJS.ErrnoException;
  return new CallwireError('STORE_IO', `The database could not be fsynced (${code}).`, {
    remedy: 'Check the disk that holds DATA_DIR, then restart the worker.',
    cause,
  });
}
