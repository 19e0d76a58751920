import { createHash } from 'node:crypto';
import { realpath, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CallwireError } from '../errors.ts';

/** `sun_path` of Linux is 108 bytes and ends in a NUL (unix(7)); a longer path fails in `bind`. */
const MAX_PATH_BYTES = 107;

/**
 * Where the ledger of this data folder listens: in the user's runtime folder where there is one,
 * else in the temp folder, named by a hash of the folder's real path, so that every process finds
 * it by DATA_DIR alone and however deep DATA_DIR lies.
 *
 * Rejects with `LEDGER_DATA_DIR` when the data folder is not there and with `LEDGER_SOCKET_PATH`
 * when the path is too long for a Unix socket.
 */
export async function socketPath(
  dataDir: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const real = await realpath(dataDir).catch((cause: unknown) => {
    throw new CallwireError('LEDGER_DATA_DIR', `The data folder ${dataDir} cannot be opened.`, {
      remedy: 'Set DATA_DIR to an existing folder, or start the worker once: it makes the folder.',
      cause,
    });
  });
  const hash = createHash('sha256').update(real).digest('hex').slice(0, 16);
  const path = join(await socketFolder(env), `callwire-${hash}.sock`);
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw new CallwireError(
      'LEDGER_SOCKET_PATH',
      `The socket path ${path} is longer than the ${MAX_PATH_BYTES} bytes a Unix socket may have.`,
      { remedy: 'Set XDG_RUNTIME_DIR (or TMPDIR) to a folder with a shorter path.' },
    );
  }
  return path;
}

async function socketFolder(env: NodeJS.ProcessEnv): Promise<string> {
  const runtime = env.XDG_RUNTIME_DIR;
  if (!runtime) return tmpdir();
  // sudo and containers often leave the variable of a session whose folder is gone.
  const found = await stat(runtime).catch(() => null);
  return found?.isDirectory() ? runtime : tmpdir();
}
