import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const COMMAND = fileURLToPath(new URL('./contacts.ts', import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'callwire-contacts-'));
});
afterEach(() => rm(folder, { recursive: true }));

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

function contacts(...args: string[]): Promise<Ended> {
  const { CRM_ADAPTER: _, CRM_URL: __, INIT_CWD: ___, ...inherited } = process.env;
  const env = { ...inherited, DATA_DIR: join(folder, 'data'), LOG_LEVEL: 'warn' };
  return new Promise((resolve) => {
    execFile(process.execPath, [COMMAND, ...args], { cwd: folder, env }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    );
  });
}

describe('npm run contacts', () => {
  it('imports a file, good rows in spite of bad ones, and lists what it has', async () => {
    await writeFile(
      join(folder, 'people.csv'),
      'name,phone\nAda Quinn,(555) 010-0001\nNobody,\nBo\u001b[31m,+15550100002\n',
    );
    const imported = await contacts('import', 'people.csv', '--country', 'us');
    expect(imported.stderr).toContain('line 3 has no phone number');
    expect(imported.stderr).toContain('line 4 holds control characters');
    expect(imported.stderr).toContain('1 created, 0 updated, 2 bad');
    expect(imported.code).toBe(1);

    const listed = await contacts('list', '--search', 'quinn');
    expect(listed.stdout).toMatch(/^\+15550100001\tAda Quinn\t-\tcon_\w+\n$/);
    expect(listed.code).toBe(0);
  });

  it('updates contacts of a file that is imported again', async () => {
    await writeFile(join(folder, 'people.csv'), 'name,phone\nAda,+15550100001\n');
    expect((await contacts('import', 'people.csv')).code).toBe(0);
    const again = await contacts('import', 'people.csv');
    expect(again).toMatchObject({ code: 0, stderr: '0 created, 1 updated, 0 bad\n' });
  });

  it('says in a line what is wrong, and what to do', async () => {
    const missing = await contacts('import', 'missing.csv');
    expect(missing.code).toBe(1);
    expect(missing.stderr).toBe(
      'error: The file cannot be read (ENOENT).\nCheck its path and that you may read it.\n',
    );
    const odd = await contacts('import', 'missing.csv', '--country', 'Germany');
    expect(odd.code).toBe(1);
    expect(odd.stderr).toContain('Use the two letters of a country');
  });

  it('explains itself', async () => {
    const help = await contacts('--help');
    expect(help.code).toBe(0);
    expect(help.stdout).toContain('import [options] <file.csv>');
  });
});
