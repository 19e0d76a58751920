import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMAND_LIMIT_MS, commandFolder, runCommand } from './testing/run_command.ts';

async function suppressions() {
  const folder = await commandFolder();
  return {
    folder,
    run: (...args: string[]) => runCommand('suppressions', args, { folder }),
  };
}

describe('npm run suppressions', { timeout: COMMAND_LIMIT_MS }, () => {
  it('imports a file, good lines in spite of bad ones, and lists what it has', async () => {
    const { folder, run } = await suppressions();
    await writeFile(
      join(folder, 'list.csv'),
      'phone,reason\n(555) 010-0001,asked us\nnonsense\n+15550100002,\u001b[31mred\n',
    );
    const imported = await run('import', 'list.csv', '--country', 'us', '--reason', 'register');
    expect(imported.stderr).toContain('line 3 has a phone number that cannot be read');
    expect(imported.stderr).toContain('2 added, 0 were on the list, 1 bad');
    expect(imported.code).toBe(1);
    const listed = await run('list', '--limit', '1');
    expect(listed.stdout).toMatch(/^\+15550100002 .* import .*red +sup_\w+\n$/);
    expect(listed.stdout).not.toContain('\u001b');
    expect(listed.stderr).toContain('more than 1');
    expect((await run('list')).stdout).toMatch(/\+15550100001 .* asked us +sup_/);
    const again = await run('import', 'list.csv', '--country', 'us');
    expect(again.stderr).toContain('0 added, 2 were on the list, 1 bad');
  });

  it('adds a number and takes it off again', async () => {
    const { run } = await suppressions();
    const added = await run('add', '+1 555 010 0001', '--reason', 'asked us');
    expect(added).toMatchObject({ code: 0, stderr: 'added\n' });
    expect(added.stdout).toMatch(/^\+15550100001 .* asked us +sup_\w+\n$/);
    expect((await run('add', '+15550100001')).stderr).toBe('was on the list already\n');
    expect(await run('remove', '15550100001')).toMatchObject({ code: 0, stderr: 'removed\n' });
    const gone = await run('remove', '+15550100001');
    expect(gone.code).toBe(1);
    expect(gone.stderr).toContain('SUPPRESSION_UNKNOWN');
    expect((await run('list')).stderr).toBe('no numbers\n');
  });

  it('says in a line what is wrong, and what to do', async () => {
    const { run } = await suppressions();
    const missing = await run('import', 'missing.csv');
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain('The file cannot be read (ENOENT).');
    const odd = await run('add', '5550100');
    expect(odd.code).toBe(1);
    expect(odd.stderr).toContain('with its country code');
  });
});
