import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { logger } from '../config/log.ts';

/*
 * SQLite copies its WAL into the database file inside the commit that makes it 1000 pages long: two
 * fsyncs and some hundred writes, 20 to 110 ms on the disk we measured, in front of the
 * acknowledgement of one append in a hundred, and of all that wait behind it. A second connection in
 * a thread of its own does the same beside the commits, and where it can in a pause between them, for
 * an fsync of the one still delays an fsync of the other.
 *
 *     waiting ── 1000 pages, and nothing written since the last look ──► passive checkpoint ──► waiting
 *        └────── 4000 pages, whatever is being written ─────────────────────────▲
 *        └────── 16,000 pages, for commits never paused ──► passive twice, then restart: commits wait
 *                                                     for the few pages that came meanwhile
 *
 * A passive checkpoint takes no lock that a commit needs. The next commit after a complete one begins
 * the WAL anew, so that its file stays of one size.
 */

const LOOK_EVERY_MS = 250;
const PAUSE_PAGES = 1_000;
const PRESSING_PAGES = 4_000;
const RESTART_PAGES = 16_000;

/**
 * For the writer's `wal_autocheckpoint`: it comes to this only where the thread has died, or its
 * checkpoints fail.
 */
export const LAST_RESORT_PAGES = 32_000;

export interface CheckpointData {
  /** The database file. */
  file: string;
  /** (Default: 250) */
  lookEveryMs?: number;
  /** What is worth a checkpoint in a pause. (Default: 1000) */
  pausePages?: number;
}

/** Starts the thread. `stop` resolves when its connection is closed. */
export function startCheckpoints(data: CheckpointData): { stop(): Promise<void> } {
  const entry = new URL('./checkpoint_thread.ts', import.meta.url);
  const thread = new Worker(entry, { name: 'checkpoints', workerData: data });
  const exited = once(thread, 'exit').catch(() => undefined);
  thread.on('error', (err) => logger('store').error({ err }, 'the checkpoint thread has died'));
  return {
    async stop() {
      thread.postMessage('stop');
      await exited;
    },
  };
}

/** The inside of the thread: looks at the WAL until it is told to stop. */
export function keepWalShort(data: CheckpointData): () => void {
  const { file, lookEveryMs = LOOK_EVERY_MS, pausePages = PAUSE_PAGES } = data;
  const log = logger('store');
  const database = new Database(file, { fileMustExist: true });
  let before = 0;
  let failing = false;
  const look = () => {
    try {
      const { pages, copied } = checkpoint(database, 'noop');
      const waiting = pages - copied;
      const paused = pages === before;
      before = pages;
      if (waiting < (paused ? pausePages : PRESSING_PAGES)) return;
      checkpoint(database, 'passive');
      if (pages > RESTART_PAGES) {
        // What came during the first, so that commits wait only for what comes during this one.
        checkpoint(database, 'passive');
        checkpoint(database, 'restart');
      }
      failing = false;
    } catch (err) {
      // The appends find a full disk as well, and say so; once is enough.
      if (!failing) log.warn({ err }, 'a checkpoint of the database failed, will be repeated');
      failing = true;
    }
  };
  const timer = setInterval(look, lookEveryMs);
  return () => {
    clearInterval(timer);
    database.close();
  };
}

/** `noop` only looks. `pages`: in the WAL; `copied`: of these, into the database file. */
export function checkpoint(
  database: Database.Database,
  mode: 'noop' | 'passive' | 'restart',
): { pages: number; copied: number } {
  const rows = database.pragma(`wal_checkpoint(${mode})`);
  const [{ log, checkpointed }] = rows as [{ log: number; checkpointed: number }];
  return { pages: log, copied: checkpointed };
}
