import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { CallwireError, isCallwireError } from '../errors.ts';
import { remoteStore } from '../store/remote_store.ts';
import type { Store } from '../store/store.ts';
import { Connection } from './connection.ts';
import { openStore } from './open_store.ts';
import { socketPath } from './socket_path.ts';

/** A worker that starts or stops holds the lock for a moment without listening. */
const BETWEEN_LOCK_AND_SOCKET_MS = 5_000;
const KNOCK_EVERY_MS = 100;
/** For one operation; an import of thousands of contacts is many of them. */
const OPERATION_LIMIT_MS = 60_000;

/**
 * The store for a command: through the running worker where there is one, since SQLite belongs to
 * one process, else the file itself, under the lock. Through a worker only what a command needs is
 * answered (`ADMIN_METHODS`), other methods reject with `LEDGER_METHOD_UNKNOWN`, and `onJobs` never
 * calls: the worker's own loop is the one to wake.
 *
 * Rejects with `DATA_DIR_LOCKED` when another process has the data folder and does not answer, and
 * with what `openStore` rejects with.
 */
export async function openAdminStore(dataDir: string): Promise<Store> {
  const deadline = performance.now() + BETWEEN_LOCK_AND_SOCKET_MS;
  for (;;) {
    const worker = await connectToWorker(dataDir);
    if (worker) return worker;
    try {
      return await openStore({ dataDir, defaultEndpoint: null });
    } catch (error) {
      const locked = isCallwireError(error) && error.code === 'DATA_DIR_LOCKED';
      if (!locked || performance.now() > deadline) throw error;
    }
    await sleep(KNOCK_EVERY_MS);
  }
}

/** The same, but only through a worker that runs: `null` where none does. */
export async function connectToWorker(dataDir: string): Promise<Store | null> {
  for (const path of await candidates(dataDir)) {
    try {
      return storeOf(await Connection.open({ path, held: null }));
    } catch (error) {
      if (isCallwireError(error) && error.code === 'LEDGER_UNAVAILABLE') continue;
      throw error;
    }
  }
  return null;
}

/** A worker under systemd has no XDG_RUNTIME_DIR and the shell of the same user does, or the reverse. */
async function candidates(dataDir: string): Promise<string[]> {
  const folders = [
    process.env.XDG_RUNTIME_DIR ?? tmpdir(),
    tmpdir(),
    `/run/user/${process.getuid?.()}`,
  ];
  const paths = new Set<string>();
  for (const folder of folders) {
    try {
      paths.add(await socketPath(dataDir, { XDG_RUNTIME_DIR: folder }));
    } catch (error) {
      // No data folder yet means no worker either; `openStore` makes it.
      if (isCallwireError(error) && error.code === 'LEDGER_DATA_DIR') return [];
      throw error;
    }
  }
  return [...paths];
}

function storeOf(connection: Connection): Store {
  const call = async (method: string, args: unknown[]): Promise<unknown> => {
    const limit = AbortSignal.timeout(OPERATION_LIMIT_MS);
    try {
      return await connection.storeRequest(method, args, limit);
    } catch (error) {
      if (!limit.aborted) throw error;
      throw new CallwireError('LEDGER_UNAVAILABLE', 'The running worker did not answer in time.', {
        retryable: true,
        remedy: 'Try again; if it goes on, look into the log of the worker.',
        cause: error,
      });
    }
  };
  return remoteStore(call, {
    onJobs: () => () => {},
    close: () => {
      connection.close();
      return Promise.resolve();
    },
  });
}
