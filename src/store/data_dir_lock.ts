import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import Database, { SqliteError } from 'better-sqlite3';
import { z } from 'zod';
import { CallwireError } from '../errors.ts';
import { storeError } from './sqlite_errors.ts';

export interface DataDirLock {
  /** Lets the next process in. Idempotent; the end of the process does the same. */
  release(): void;
}

/** Who holds DATA_DIR, for people; it is the lock that decides, never this file. */
export interface DataDirHolder {
  pid: number;
  command: string;
  since: string;
}

/**
 * Makes DATA_DIR (0700) and holds it for this process alone.
 *
 * Node has no file locks, and a file with a pid in it outlives a crash. SQLite has them, and it is
 * here already: an exclusive transaction on a small file of its own is an OS lock that dies with
 * the process, however it dies. Refused: an addon for `flock` (a compiler on the user's machine),
 * a listening socket (needs a path or port that others can take).
 *
 * @throws `DATA_DIR_LOCKED` naming the holder while another process, or another store of this one,
 * has it; `STORE_NOT_WRITABLE`, `STORE_IO` or `STORE_FULL` when the folder cannot be used.
 */
export function lockDataDir(dataDir: string, command: string = thisCommand()): DataDirLock {
  makePrivate(dataDir);
  const lock = holdLock(dataDir);
  const holderFile = join(dataDir, HOLDER_FILE);
  const holder: DataDirHolder = {
    pid: process.pid,
    command,
    since: new Date().toISOString(),
  };
  try {
    writeFileSync(holderFile, `${JSON.stringify(holder)}\n`, { mode: 0o600 });
  } catch {
    // On a full disk. The lock is held all the same, and what is wrong the first append says.
  }
  return {
    release() {
      if (!lock.open) return;
      rmSync(holderFile, { force: true });
      lock.close();
    },
  };
}

/** Who wrote its name into DATA_DIR last; `null` when nobody did or the file cannot be read. */
export function readDataDirHolder(dataDir: string): DataDirHolder | null {
  try {
    return Holder.parse(JSON.parse(readFileSync(join(dataDir, HOLDER_FILE), 'utf8')));
  } catch {
    return null;
  }
}

const LOCK_FILE = 'lock.db';
const HOLDER_FILE = 'holder.json';
const Holder = z.object({ pid: z.number(), command: z.string(), since: z.string() });

function holdLock(dataDir: string): Database.Database {
  let lock: Database.Database | undefined;
  try {
    lock = new Database(join(dataDir, LOCK_FILE), { timeout: 0 });
    lock.exec('begin exclusive');
    return lock;
  } catch (error) {
    lock?.close();
    if (!(error instanceof SqliteError) || !error.code.startsWith('SQLITE_BUSY')) {
      throw storeError(error);
    }
    const holder = readDataDirHolder(dataDir);
    const who = holder
      ? `"${holder.command}" (pid ${holder.pid}, since ${holder.since})`
      : 'another process';
    throw new CallwireError('DATA_DIR_LOCKED', `${dataDir} is in use by ${who}.`, {
      remedy:
        'Stop that process, or start this one with another DATA_DIR: it belongs to one process.',
    });
  }
}

function makePrivate(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    chmodSync(dataDir, 0o700);
  } catch (error) {
    throw new CallwireError(
      'STORE_NOT_WRITABLE',
      `DATA_DIR ${dataDir} cannot be made or is not this user's.`,
      { remedy: 'Set DATA_DIR to a folder that this user owns.', cause: error },
    );
  }
}

/**
 * This process as a person knows it: the npm script, else the file. Arguments are left out, they
 * may be anything; in a worker thread the file is the thread's.
 */
export function thisCommand(): string {
  const script = process.env.npm_lifecycle_event;
  return script ? `npm run ${script}` : `node ${basename(process.argv[1] ?? '')}`.trim();
}
