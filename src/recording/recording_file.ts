import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BYTES_PER_SECOND, MAX_WAV_BYTES, soundBytes, WAV_HEADER_BYTES, wavHeader } from './wav.ts';

/** What may wait for the disk. Behind it sound is left out, which is silence then, and counted. */
const MAX_WAITING_BYTES = 30 * BYTES_PER_SECOND;

/**
 * The growing file of a call's recording, written behind the call's back: one write at a time,
 * asynchronous, at the place where it belongs, so that what a slow disk made us leave out is a hole of
 * silence and everything behind it stays in time.
 *
 * ```
 * open ── append ⟲ ──► close() ──► closed, with its header
 *           └── a write failed, or the format's 4 GB are full ──► broken: takes nothing more
 * ```
 *
 * The header is written first and corrected at the end; whoever finds the file of a dead process
 * corrects it by the file's length.
 */
export class RecordingFile {
  /** Bytes that were left out. */
  dropped = 0;
  readonly #handle: FileHandle;
  readonly #maxWaiting: number;
  readonly #onBroken: (error: unknown) => void;
  #end: number;
  #written: number;
  #waiting: { at: number; bytes: Buffer }[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | null = null;
  #broken = false;

  private constructor(
    handle: FileHandle,
    end: number,
    { maxWaiting = MAX_WAITING_BYTES, onBroken }: RecordingFileOptions,
  ) {
    this.#handle = handle;
    this.#maxWaiting = maxWaiting;
    this.#onBroken = onBroken;
    this.#end = end;
    this.#written = end;
  }

  /** A file that is there is gone on with: the process that began it is dead. */
  static async open(path: string, options: RecordingFileOptions): Promise<RecordingFile> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const handle = await openForUpdate(path);
    try {
      const { size } = await handle.stat();
      const end = WAV_HEADER_BYTES + soundBytes(size);
      if (size < WAV_HEADER_BYTES) await handle.write(wavHeader(0), 0, WAV_HEADER_BYTES, 0);
      return new RecordingFile(handle, end, options);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Bytes of the file so far, what waits and what was left out included. */
  get bytes(): number {
    return this.#end;
  }

  /** Returns at once. */
  append(bytes: Buffer): void {
    if (this.#broken) return;
    if (this.#end + bytes.length > MAX_WAV_BYTES) {
      this.#break(new Error('the recording has the greatest length of a WAV file'));
      return;
    }
    const at = this.#end;
    this.#end += bytes.length;
    if (this.#waitingBytes + bytes.length > this.#maxWaiting) {
      this.dropped += bytes.length;
      return;
    }
    this.#waiting.push({ at, bytes });
    this.#waitingBytes += bytes.length;
    this.#writing ??= this.#write();
  }

  /** Waits for the disk, corrects the header and lets go of the file. Never rejects. */
  async close(): Promise<void> {
    await this.#writing;
    try {
      // A full disk takes this all the same: the bytes are there already.
      await this.#handle.write(wavHeader(this.#written), 0, WAV_HEADER_BYTES, 0);
    } catch (error) {
      this.#break(error);
    }
    await this.#handle.close().catch((error: unknown) => this.#break(error));
  }

  async #write(): Promise<void> {
    for (let next = this.#waiting.shift(); next && !this.#broken; next = this.#waiting.shift()) {
      const { at, bytes } = next;
      try {
        for (let done = 0; done < bytes.length; ) {
          const { bytesWritten } = await this.#handle.write(
            bytes,
            done,
            bytes.length - done,
            at + done,
          );
          done += bytesWritten;
          this.#written = at + done;
        }
      } catch (error) {
        this.#break(error);
      }
      this.#waitingBytes -= bytes.length;
    }
    this.#writing = null;
  }

  #break(error: unknown): void {
    if (this.#broken) return;
    this.#broken = true;
    this.#waiting = [];
    this.#onBroken(error);
  }
}

export interface RecordingFileOptions {
  /** Told once, when nothing more can be written. */
  onBroken: (error: unknown) => void;
  /** Bytes that may wait for the disk. (Default: 30 s of sound) */
  maxWaiting?: number;
}

async function openForUpdate(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return await open(path, 'wx+', 0o600);
  }
}
