import { readFile, unlink } from 'node:fs/promises';
import type { RecordingStorage } from '../recording_storage.ts';

/** Recordings in memory, by their names; `trouble` is thrown instead, `until` waited for. */
export class MemoryStorage implements RecordingStorage {
  readonly kept = new Map<string, Buffer>();
  trouble: Error | null = null;
  until: Promise<void> = Promise.resolve();

  has(location: string): boolean {
    return location.startsWith('memory:');
  }

  locationOf(name: string): string {
    return `memory:${name}`;
  }

  async keep(name: string, path: string, signal: AbortSignal): Promise<void> {
    await this.until;
    signal.throwIfAborted();
    if (this.trouble) throw this.trouble;
    this.kept.set(this.locationOf(name), await readFile(path));
    await unlink(path);
  }

  sizeOf(location: string): Promise<number | null> {
    return Promise.resolve(this.kept.get(location)?.length ?? null);
  }

  async remove(location: string): Promise<void> {
    await this.until;
    if (this.trouble) throw this.trouble;
    this.kept.delete(location);
  }

  link({ location }: { location: string }, expiresAt: number): Promise<string> {
    return Promise.resolve(`${location}?until=${expiresAt}`);
  }
}
