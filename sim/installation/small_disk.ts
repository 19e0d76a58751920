import { execFile } from 'node:child_process';
import { mkdtemp, open, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * A disk of a few megabytes, to be filled for real: what a limit inside SQLite would play is not what
 * the spool, the log and a kernel do when there is no room. Mounting takes root.
 */
export class SmallDisk {
  /** A folder on it, and all there is. */
  readonly path: string;
  #ballast = 0;

  private constructor(path: string) {
    this.path = path;
  }

  static async mount({ megabytes }: { megabytes: number }): Promise<SmallDisk> {
    const path = await realpath(await mkdtemp(join(tmpdir(), 'callwire-disk-')));
    try {
      await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700`, 'tmpfs', path]);
    } catch (cause) {
      await rm(path, { recursive: true });
      throw new Error('no tmpfs could be mounted, which a full disk needs: run this as root', {
        cause,
      });
    }
    return new SmallDisk(path);
  }

  /** Until not a byte is left. */
  async fill(): Promise<void> {
    const file = await open(join(this.path, `ballast-${++this.#ballast}`), 'w', 0o600);
    try {
      // The last page of a file has room that the disk does not count: smaller pieces find it.
      for (const size of [65_536, 4_096, 1]) {
        const piece = Buffer.alloc(size, 'x');
        while (await takes(() => file.appendFile(piece)));
      }
    } finally {
      await file.close();
    }
  }

  /** Room again: all of what `fill` took. */
  async free(): Promise<void> {
    for (; this.#ballast > 0; this.#ballast--) {
      await rm(join(this.path, `ballast-${this.#ballast}`));
    }
  }

  /** Gone with everything on it, whoever still has a file of it open. */
  async unmount(): Promise<void> {
    await run('umount', ['--lazy', this.path]);
    await rm(this.path, { recursive: true });
  }
}

async function takes(write: () => Promise<void>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}
