import { describe, expect, it } from 'vitest';
import { QuickSync } from './quick_sync.ts';

function setUp({ quickMs = 0.5 } = {}) {
  const disk = { takesMs: 0.2, syncs: 0, error: null as Error | null };
  let now = 0;
  const sync = () => {
    disk.syncs += 1;
    now += disk.takesMs;
    if (disk.error) throw disk.error;
  };
  const subject = new QuickSync({ file: 'unused', quickMs, sync, clock: () => now });
  const commit = async () => {
    subject.wrote();
    await subject.durable();
    return subject.unsynced;
  };
  return { disk, subject, commit, pass: (ms: number) => (now += ms) };
}

describe('QuickSync', () => {
  it('fsyncs itself where the disk is quick, once for all that was written', async () => {
    const { disk, subject, commit } = setUp();
    subject.wrote();
    subject.wrote();
    expect(subject.unsynced).toBe(2);
    expect(await commit()).toBe(0);
    await subject.durable();
    expect(disk.syncs).toBe(1);
  });

  it('leaves it to somebody else where the disk is slow, and tries again later', async () => {
    const { disk, commit, pass } = setUp();
    disk.takesMs = 3;
    expect(await commit()).toBe(0);
    expect([await commit(), await commit()]).toEqual([2, 3]);
    expect(disk.syncs).toBe(1);
    pass(5_000);
    expect(await commit()).toBe(0);
    expect(await commit()).toBe(5);
    disk.takesMs = 0.2;
    pass(5_000);
    expect([await commit(), await commit()]).toEqual([0, 0]);
    expect(disk.syncs).toBe(4);
  });

  it('is not put off by one fsync in a hundred that takes long', async () => {
    const { disk, commit } = setUp();
    for (let n = 0; n < 500; n++) {
      disk.takesMs = n % 100 === 50 ? 40 : 0.2;
      expect(await commit()).toBe(0);
    }
    disk.takesMs = 3;
    for (let n = 0; n < 20; n++) await commit();
    expect(await commit()).toBeGreaterThan(0);
  });

  it('does none where none is to be quick enough', async () => {
    const { disk, commit } = setUp({ quickMs: 0 });
    expect([await commit(), await commit()]).toEqual([1, 2]);
    expect(disk.syncs).toBe(0);
  });

  it('promises nothing any more once an fsync has failed', async () => {
    const { disk, subject, commit } = setUp();
    disk.error = Object.assign(new Error('i/o error'), { code: 'EIO' });
    const broken = { code: 'STORE_IO', retryable: false, message: expect.stringMatching('EIO') };
    await expect(commit()).rejects.toMatchObject(broken);
    disk.error = null;
    await expect(commit()).rejects.toMatchObject(broken);
    expect(() => subject.check()).toThrow('EIO');
    expect(disk.syncs).toBe(1);
  });
});
