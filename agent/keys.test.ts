import { expect, it } from 'vitest';
import { hashApiKey } from '../src/api/api_key.ts';
import { openAdminStore } from '../src/ledger/admin_store.ts';
import { COMMAND_LIMIT_MS, commandFolder, runCommand } from './testing/run_command.ts';

it(
  'a key is printed once, listed without itself, and revoked',
  async () => {
    const folder = await commandFolder();
    const keys = (...args: string[]) => runCommand('keys', args, { folder });
    const made = await keys('create', '--name', 'back end', '--scopes', 'calls:read, webhooks');
    expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^cwk_\S{43}\n$/) });
    const key = made.stdout.trim();
    const [id = ''] = /key_\w+/.exec(made.stderr) ?? [];
    expect(made.stderr).not.toContain(key);

    const listed = await keys('list');
    expect(listed.stdout).toMatch(`${id}  `);
    expect(listed.stdout).toMatch(/active +back end +calls:read,webhooks\n$/);
    expect(listed.stdout).not.toContain(key);

    const store = await openAdminStore(`${folder}/data`);
    expect(JSON.stringify(await store.listApiKeys())).toContain(hashApiKey(key));
    await store.close();

    expect(await keys('revoke', id)).toMatchObject({ code: 0 });
    expect((await keys('list')).stdout).toContain('revoked');
    const again = await keys('revoke', id);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('KEY_UNKNOWN');
  },
  COMMAND_LIMIT_MS,
);

it(
  'wrong words are told with the right ones',
  async () => {
    const folder = await commandFolder();
    const wrong = await runCommand('keys', ['create', '--scopes', 'everything'], { folder });
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain('calls:write, calls:read, webhooks, ingest, admin');
    const name = await runCommand('keys', ['create', '--name', 'back\u001b[2Jend'], { folder });
    expect(name).toMatchObject({ code: 1, stderr: expect.stringContaining('control characters') });
    const help = await runCommand('keys', ['--help'], { folder });
    expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('create [options]') });
  },
  COMMAND_LIMIT_MS,
);
