import { mkdir, realpath, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { socketPath } from './socket_path.ts';
import { dataFolder } from './testing/data_folder.ts';

describe('socketPath', () => {
  it('lies in the runtime folder where that exists, else in the temp folder', async () => {
    const { dataDir } = await dataFolder();
    expect(dirname(await socketPath(dataDir, { XDG_RUNTIME_DIR: dataDir }))).toBe(dataDir);
    const gone = { XDG_RUNTIME_DIR: join(dataDir, 'gone') };
    expect(dirname(await socketPath(dataDir, gone))).toBe(tmpdir());
    expect(dirname(await socketPath(dataDir, {}))).toBe(tmpdir());
  });

  it('is the same by whatever way the data folder is reached, and another for another folder', async () => {
    const { dataDir } = await dataFolder();
    await mkdir(join(dataDir, 'a'));
    await mkdir(join(dataDir, 'b'));
    await symlink(join(dataDir, 'a'), join(dataDir, 'link'));
    const path = await socketPath(join(dataDir, 'a'), {});
    expect(await socketPath(join(dataDir, 'link'), {})).toBe(path);
    expect(await socketPath(join(dataDir, 'b'), {})).not.toBe(path);
    expect(path).toMatch(/\/callwire-[0-9a-f]{16}\.sock$/);
  });

  it('refuses a path that no Unix socket can have', async () => {
    const { dataDir } = await dataFolder();
    const deep = join(await realpath(dataDir), 'd'.repeat(100));
    await mkdir(deep);
    await expect(socketPath(dataDir, { XDG_RUNTIME_DIR: deep })).rejects.toMatchObject({
      code: 'LEDGER_SOCKET_PATH',
    });
  });

  it('says so when there is no data folder', async () => {
    const { dataDir } = await dataFolder();
    await expect(socketPath(join(dataDir, 'none'), {})).rejects.toMatchObject({
      code: 'LEDGER_DATA_DIR',
    });
  });
});
