import { constants } from 'node:fs';
import { copyFile, mkdir, open, rename, stat, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { RecordingStorage } from './recording_storage.ts';
import type { UrlSigner } from './url_signer.ts';

export interface FolderStorageOptions {
  folder: string;
  signer: UrlSigner;
  /** Where the HTTP API is reached; a worker knows its port only when it listens. */
  baseUrl: () => string;
}

/** Recordings in a folder, served by the HTTP API. A location is the name of the file. */
export class FolderStorage implements RecordingStorage {
  readonly #options: FolderStorageOptions;

  constructor(options: FolderStorageOptions) {
    this.#options = options;
  }

  has(location: string): boolean {
    return !location.includes('://');
  }

  locationOf(name: string): string {
    return basename(name);
  }

  /** The file of a location. */
  pathOf(location: string): string {
    return join(this.#options.folder, basename(location));
  }

  async keep(name: string, path: string, signal: AbortSignal): Promise<void> {
    const { folder } = this.#options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const kept = this.pathOf(this.locationOf(name));
    await synced(path);
    signal.throwIfAborted();
    try {
      await rename(path, kept);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
      await this.#copy(path, kept, signal);
    }
    await synced(folder);
  }

  async sizeOf(location: string): Promise<number | null> {
    return await unlessGone(
      stat(this.pathOf(location)).then(({ size }) => size),
      null,
    );
  }

  async remove(location: string): Promise<void> {
    await unlessGone(unlink(this.pathOf(location)), undefined);
  }

  link({ callId }: { callId: string }, expiresAt: number): Promise<string> {
    const { baseUrl, signer } = this.#options;
    const expires = Math.floor(expiresAt / 1_000);
    const query = `expires=${expires}&signature=${signer.sign(callId, expires)}`;
    return Promise.resolve(`${baseUrl()}/v1/recordings/${callId}?${query}`);
  }

  /** To another file system: under another name until it is whole. */
  async #copy(path: string, kept: string, signal: AbortSignal): Promise<void> {
    const part = `${kept}.part`;
    await copyFile(path, part, constants.COPYFILE_FICLONE);
    await synced(part);
    signal.throwIfAborted();
    await rename(part, kept);
    await unlink(path);
  }
}

async function synced(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function unlessGone<T>(work: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return otherwise;
    throw error;
  }
}
