import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { logger } from '../config/log.ts';
import { CallwireError } from '../errors.ts';

/** Where the spools of this data folder lie. */
export function spoolDir(dataDir: string): string {
  return join(dataDir, 'spool');
}

/** The name of a spool file is `<owner>.<pid>.<n>.ndjson`, `owner` being a call id or `worker`. */
export const SPOOL_NAME = /^([\w-]+)\.(\d+)\.(\d+)\.ndjson$/;

const PREFIX = '{"crc":"';
const MIDDLE = '","append":';
const CRC_DIGITS = 8;

/**
 * One append as a line: `{"crc":"<crc32 of the append's text>","append":{…}}`. It is JSON for a
 * person who has to look; the checksum is for what JSON cannot tell, a block of another file in the
 * middle of a line after a power cut.
 */
export function spoolLine(appendJson: string): string {
  return `${PREFIX}${checksum(appendJson)}${MIDDLE}${appendJson}}\n`;
}

/** The append's text, or `null` where the line is damaged. `line` is without its newline. */
export function parseSpoolLine(line: string): string | null {
  const start = PREFIX.length + CRC_DIGITS + MIDDLE.length;
  const text = line.slice(start, -1);
  return line === spoolLine(text).slice(0, -1) ? text : null;
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(CRC_DIGITS, '0');
}

/** A file of the spool and how many of its appends the ledger has not acknowledged. */
export interface SpoolFile {
  readonly path: string;
  readonly handle: FileHandle;
  pending: number;
  /** The ledger will not take all of it from us: it stays for the recovery. */
  keep: boolean;
}

/**
 * The files in which one process keeps what the ledger has not acknowledged. A file is removed when
 * all of it has been; the next trouble begins a new one, and so does a failed write, because what
 * stands at the end of the old one is not known (a torn line is only harmless at the end).
 */
export class Spool {
  readonly #dir: string;
  readonly #owner: string;
  readonly #log = logger('ledger');
  #file: SpoolFile | null = null;
  #number = 0;

  /** `owner`: the call id of a call process, `worker` for the worker's own. */
  constructor({ dir, owner }: { dir: string; owner: string }) {
    this.#dir = dir;
    this.#owner = owner;
  }

  /**
   * Appends the lines and fsyncs them. Must not be called again before it has settled. Rejects with
   * `LEDGER_UNAVAILABLE` when the disk does not take them.
   */
  async write(lines: readonly string[]): Promise<SpoolFile> {
    let file: SpoolFile | null = null;
    try {
      file = this.#file ??= await this.#create();
      // Counted first: the acknowledgement of an older append must not remove the file meanwhile.
      file.pending += lines.length;
      await file.handle.appendFile(lines.join(''));
      await file.handle.datasync();
      return file;
    } catch (cause) {
      // After a failed fsync the kernel may have dropped the pages: nothing of it can be trusted.
      this.#file = null;
      if (file) {
        file.pending -= lines.length;
        await this.#retire(file);
      }
      const full = (cause as NodeJS.ErrnoException).code === 'ENOSPC';
      throw new CallwireError(
        'LEDGER_UNAVAILABLE',
        full
          ? `The disk with ${this.#dir} is full: an event could not be written.`
          : `An event could not be written to ${this.#dir}.`,
        {
          retryable: true,
          remedy: full
            ? 'Make room on the disk of DATA_DIR.'
            : 'Check that DATA_DIR is writable for the user who runs the worker, and its disk.',
          cause,
        },
      );
    }
  }

  /** One append of this file has been acknowledged. The last one removes the file. */
  async acknowledged(file: SpoolFile): Promise<void> {
    file.pending--;
    if (file.pending > 0) return;
    if (file === this.#file) this.#file = null;
    await this.#retire(file);
  }

  /** Leaves what is not acknowledged to the recovery. */
  async close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    if (file) await this.#retire(file);
  }

  async #create(): Promise<SpoolFile> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    for (;;) {
      const name = `${this.#owner}.${process.pid}.${++this.#number}.ndjson`;
      const path = join(this.#dir, name);
      try {
        const handle = await open(path, 'ax', 0o600);
        await syncFolder(this.#dir);
        return { path, handle, pending: 0, keep: false };
      } catch (error) {
        // Left by a dead process that had our pid (in a container it always is the same).
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  }

  async #retire(file: SpoolFile): Promise<void> {
    try {
      await file.handle.close();
      if (file.pending === 0 && !file.keep) await unlink(file.path);
    } catch (err) {
      // It stays, and the recovery takes it once more: every append in it is idempotent.
      if ((err as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.#log.warn({ err, path: file.path }, 'spool file could not be removed');
      }
    }
  }
}

/** Makes a new or removed name durable; the fsync of a file says nothing about its folder. */
export async function syncFolder(dir: string): Promise<void> {
  const folder = await open(dir, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
