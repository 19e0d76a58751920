import { mkdirSync, readFileSync, statfsSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';

/**
 * What every process of the tests has in its environment, from the first to the last that another one starts.
 */
export function testEnvironment(): Record<string, string> {
  const folder = folderInMemory();
  return {
    // Without it each process compiles everything anew, a quarter of its time.
    NODE_COMPILE_CACHE: join(homedir(), '.cache', 'callwire', 'compile'),
    ...(folder !== undefined && { TMPDIR: folder }),
  };
}

const MEMORY = '/dev/shm';
/** More than all tests beside each other write. A container has 64 MB there, if nobody says otherwise. */
const LEAST_BYTES = 2 * 1024 ** 3;

/**
 * Where temporary folders cost no disk: a record writes every commit through to it, and hundreds of
 * tests do little but wait for that. `undefined`: there is none, too little of it, or no program may
 * be started from it, which some tests do.
 */
function folderInMemory(): string | undefined {
  if (process.env.TMPDIR !== undefined) return undefined;
  try {
    const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
    const [, , , options] =
      mounts.map((line) => line.split(' ')).find((m) => m[1] === MEMORY) ?? [];
    if (options === undefined || options.split(',').includes('noexec')) return undefined;
    const { bavail, bsize } = statfsSync(MEMORY);
    if (bavail * bsize < LEAST_BYTES) return undefined;
    const folder = join(MEMORY, `callwire-tests-${userInfo().uid}`);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return folder;
  } catch {
    return undefined;
  }
}
