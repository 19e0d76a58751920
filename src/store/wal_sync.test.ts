import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { spyOnSyncs } from './testing/spy_on_syncs.ts';
import { WalSync } from './wal_sync.ts';

describe('WalSync', () => {
  let folder: string;
  let sync: WalSync;
  let syncs: PromiseWithResolvers<void>[];
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'wal-'));
    writeFileSync(join(folder, 'a.db-wal'), '');
    syncs = [];
    await spyOnSyncs(() => {
      const one = Promise.withResolvers<void>();
      syncs.push(one);
      return one.promise;
    });
    sync = await WalSync.open(join(folder, 'a.db'));
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await sync.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('has nothing to wait for where nothing was written', async () => {
    await sync.durable();
    expect(syncs).toHaveLength(0);
  });

  it('shares an fsync, but never one that began before the write', async () => {
    sync.wrote();
    const [first, beside] = [sync.durable(), sync.durable()];
    sync.wrote();
    const behind = sync.durable();
    expect(syncs).toHaveLength(1);
    syncs[0]?.resolve();
    await Promise.all([first, beside]);
    await vi.waitFor(() => expect(syncs).toHaveLength(2));
    expect(await Promise.race([behind, 'waits'])).toBe('waits');
    syncs[1]?.resolve();
    await behind;
    await sync.durable();
    expect(syncs).toHaveLength(2);
  });

  it('promises nothing any more once an fsync has failed', async () => {
    sync.wrote();
    const first = sync.durable();
    sync.wrote();
    const behind = sync.durable();
    syncs[0]?.reject(Object.assign(new Error('i/o error'), { code: 'EIO' }));
    const broken = { code: 'STORE_IO', retryable: false, message: expect.stringMatching('EIO') };
    await expect(first).rejects.toMatchObject(broken);
    await expect(behind).rejects.toMatchObject(broken);
    sync.wrote();
    await expect(sync.durable()).rejects.toMatchObject(broken);
    // Nor what the store's thread has fsynced itself.
    await expect(sync.durable(0)).rejects.toMatchObject(broken);
    expect(() => sync.check()).toThrow('EIO');
    expect(syncs).toHaveLength(1);
  });
});
