import { readdir, readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { logger } from '../config/log.ts';
import type { Append, LedgerStore } from '../store/store.ts';
import { processAlive } from './process_alive.ts';
import { appendSchema } from './protocol.ts';
import { parseSpoolLine, SPOOL_NAME } from './spool.ts';

/** One transaction takes so many; a spool of minutes must not hold the store for long. */
const BATCH = 100;

export interface RecoveryOptions {
  /**
   * Which files belong to a process that may still write to them: they are taken in but stay. At a
   * start the own pid has to count as dead, since in a container every worker has the same.
   */
  isAlive?: (pid: number) => boolean;
  /** Only the files of this call. */
  callId?: string;
  /** Leaves the files of live processes alone; they send everything themselves. */
  deadOnly?: boolean;
}

export interface Recovered {
  files: number;
  appends: number;
  /** Lines that were damaged or that the store refused; their files are kept as `….corrupt`. */
  setAside: number;
}

interface Found {
  name: string;
  owner: string;
  pid: number;
  n: number;
}

/**
 * Takes in what processes had to write to their spools. Appends are idempotent by their ids, so a
 * file that is read twice, or of which half had been acknowledged, changes nothing. A file is
 * removed once the store has committed all of it and its process is dead.
 *
 * Goes through all files, then rejects with the store's first error; what has been taken is taken, and
 * the next run goes on. One file the store chokes on must not keep the others from it.
 */
export async function recoverSpools(
  store: Pick<LedgerStore, 'append'>,
  dir: string,
  options: RecoveryOptions = {},
): Promise<Recovered> {
  const isAlive = options.isAlive ?? processAlive;
  const total: Recovered = { files: 0, appends: 0, setAside: 0 };
  const failures: unknown[] = [];
  for (const file of await listSpools(dir)) {
    if (options.callId !== undefined && file.owner !== options.callId) continue;
    const alive = isAlive(file.pid);
    if (alive && options.deadOnly) continue;
    let taken: Awaited<ReturnType<typeof recoverFile>>;
    try {
      taken = await recoverFile(store, join(dir, file.name), alive);
    } catch (error) {
      failures.push(error);
      continue;
    }
    if (!taken) continue;
    total.files++;
    total.appends += taken.appends;
    total.setAside += taken.setAside;
  }
  if (total.files > 0) logger('ledger').info({ ...total }, 'spools taken in');
  if (failures.length > 0) throw failures[0];
  return total;
}

/** For the start of a worker: no file can belong to the process that has only just begun. */
export function aliveAtStart(pid: number): boolean {
  return pid !== process.pid && processAlive(pid);
}

async function listSpools(dir: string): Promise<Found[]> {
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const found: Found[] = [];
  for (const name of names) {
    const [, owner, pid, n] = SPOOL_NAME.exec(name) ?? [];
    if (owner && pid && n) found.push({ name, owner, pid: Number(pid), n: Number(n) });
  }
  // A process numbers its files in the order in which it wrote them.
  return found.sort((a, b) => a.owner.localeCompare(b.owner) || a.pid - b.pid || a.n - b.n);
}

/** `null` when the file has gone meanwhile: its process had everything acknowledged. */
async function recoverFile(
  store: Pick<LedgerStore, 'append'>,
  path: string,
  alive: boolean,
): Promise<{ appends: number; setAside: number } | null> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return null;
  const { entries, damaged } = readLines(text);
  let setAside = damaged;
  for (let i = 0; i < entries.length; i += BATCH) {
    const batch = entries.slice(i, i + BATCH);
    const results = await store.append(batch);
    for (const result of results) {
      if (result.status === 'appended') continue;
      logger('ledger').error({ path, result }, 'the store refused an append of a spool');
      setAside++;
    }
  }
  // A live process still owns its file, and may yet send what we could not read.
  if (!alive) await putAway(path, setAside);
  return { appends: entries.length, setAside };
}

function readLines(text: string): { entries: Append[]; damaged: number } {
  const lines = text.split('\n');
  // What stands behind the last newline was never fsynced, so nobody was promised it.
  lines.pop();
  const entries: Append[] = [];
  for (const line of lines) {
    const json = parseSpoolLine(line);
    const parsed = json === null ? null : appendSchema.safeParse(parseJson(json));
    if (parsed?.success) entries.push({ ...parsed.data, recovered: true });
  }
  return { entries, damaged: lines.length - entries.length };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function putAway(path: string, setAside: number): Promise<void> {
  try {
    if (setAside === 0) {
      await unlink(path);
      return;
    }
    // The whole file, not the bad lines: what stands around them helps whoever looks into it.
    await rename(path, `${path}.corrupt`);
    logger('ledger').error(
      { path: `${path}.corrupt`, lines: setAside },
      'lines of a spool could not be taken in; the file is set aside',
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
