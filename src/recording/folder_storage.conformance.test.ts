import { mkdtempDisposable, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SmallDisk } from '../../sim/installation/small_disk.ts';
import { FolderStorage } from './folder_storage.ts';
import { type StorageUnderTest, storageConformance } from './storage_conformance.ts';
import { createUrlSigner } from './url_signer.ts';

const signer = createUrlSigner({ current: Buffer.alloc(32, 1), previous: [] });

function storageIn(folder: string): FolderStorage {
  return new FolderStorage({ folder, signer, baseUrl: () => 'https://callwire.example' });
}

async function open(): Promise<StorageUnderTest & { storage: FolderStorage }> {
  const made = await mkdtempDisposable(join(tmpdir(), 'callwire-storage-'));
  onTestFinished(() => made.remove());
  const kept = join(made.path, 'kept');
  return {
    storage: storageIn(kept),
    folder: made.path,
    read: (location) => readFile(join(kept, location)).catch(() => null),
  };
}

describe('a folder', () => {
  storageConformance(open);

  it('may be on another disk', async () => {
    const disk = await SmallDisk.mount({ megabytes: 1 });
    onTestFinished(() => disk.unmount());
    const { folder } = await open();
    const path = join(folder, 'unfinished.wav');
    await writeFile(path, 'sound');
    await storageIn(disk.path).keep('call_1.wav', path, AbortSignal.timeout(10_000));
    expect(await readdir(disk.path)).toEqual(['call_1.wav']);
    expect(await readdir(folder)).toEqual([]);
  });

  it('gives URLs of our own, and never a path outside of it', async () => {
    const { storage } = await open();
    const url = await storage.link({ callId: 'call_1' }, 1_500_900);
    expect(url).toBe(
      `https://callwire.example/v1/recordings/call_1?expires=1500&signature=${signer.sign('call_1', 1_500)}`,
    );
    expect(storage.pathOf('../../etc/passwd')).toMatch(/\/kept\/passwd$/);
  });
});
