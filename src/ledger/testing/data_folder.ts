import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { socketPath } from '../socket_path.ts';
import { spoolDir } from '../spool.ts';

export interface DataFolder {
  dataDir: string;
  socketPath: string;
  spoolDir: string;
}

/** A DATA_DIR of its own for one test, gone with it. */
export async function dataFolder(): Promise<DataFolder> {
  const dataDir = await realpath(await mkdtemp(join(tmpdir(), 'callwire-ledger-')));
  const socket = await socketPath(dataDir);
  onTestFinished(async () => {
    await rm(dataDir, { recursive: true, force: true });
    await rm(socket, { force: true }); // a host that was killed leaves it
  });
  return { dataDir, socketPath: socket, spoolDir: spoolDir(dataDir) };
}
