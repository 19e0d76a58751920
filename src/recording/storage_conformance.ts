import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { RecordingStorage } from './recording_storage.ts';

export interface StorageUnderTest {
  storage: RecordingStorage;
  /** Where files can be made. */
  folder: string;
  /** What is kept at a location, as others would read it; `null` = nothing. */
  read(location: string): Promise<Buffer | null>;
}

/** What holds of every place where recordings can be kept. */
export function storageConformance(open: () => Promise<StorageUnderTest>): void {
  const SOUND = Buffer.alloc(5_000, 7);
  const signal = AbortSignal.timeout(20_000);

  async function kept() {
    const under = await open();
    const { storage, folder } = under;
    const path = join(folder, 'unfinished.wav');
    await writeFile(path, SOUND);
    await storage.keep('call_1.wav', path, signal);
    return { ...under, path, location: storage.locationOf('call_1.wav') };
  }

  describe('keeps recordings', () => {
    it('whole, and the file it was given is gone', async () => {
      const { storage, location, path, read } = await kept();
      expect(storage.has(location)).toBe(true);
      expect(await storage.sizeOf(location, signal)).toBe(SOUND.length);
      expect(await read(location)).toEqual(SOUND);
      await expect(access(path)).rejects.toMatchObject({ code: 'ENOENT' });
    });

    it('again, after a crash in between, without a difference', async () => {
      const { storage, location, path, read } = await kept();
      await writeFile(path, SOUND);
      await storage.keep('call_1.wav', path, signal);
      expect(await read(location)).toEqual(SOUND);
    });

    it('and knows what it does not have', async () => {
      const { storage, folder } = await open();
      expect(await storage.sizeOf(storage.locationOf('call_2.wav'), signal)).toBeNull();
      await expect(
        storage.keep('call_2.wav', join(folder, 'not-there.wav'), signal),
      ).rejects.toMatchObject({ code: 'ENOENT' });
    });

    it('until they are removed, once or twice', async () => {
      const { storage, location, read } = await kept();
      await storage.remove(location, signal);
      expect(await read(location)).toBeNull();
      await storage.remove(location, signal);
      expect(await storage.sizeOf(location, signal)).toBeNull();
    });
  });
}
