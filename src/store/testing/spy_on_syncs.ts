import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { vi } from 'vitest';

/** In place of the fsync of every open file, until the mocks are restored. */
export async function spyOnSyncs(datasync: () => Promise<void>) {
  const handle = await open(tmpdir(), 'r');
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  return vi.spyOn(prototype, 'datasync').mockImplementation(datasync);
}
