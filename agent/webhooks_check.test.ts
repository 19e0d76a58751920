import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { verifyTimestamped } from '../src/events/signatures.ts';
import { receiverServer } from './testing/receiver_server.ts';
import { COMMAND_LIMIT_MS, commandFolder, runCommand } from './testing/run_command.ts';

/** Made up. */
const SECRET = 'a-made-up-secret-of-a-receiver';

const careful = () =>
  receiverServer((request) =>
    verifyTimestamped({ ...request, secrets: [SECRET] }) === 'valid' ? 204 : 401,
  );

async function check(args: readonly string[], env: Record<string, string> = {}) {
  const ended = await runCommand('webhooks_check', args, { folder: await commandFolder(), env });
  for (const secret of [SECRET, 'whsec_mistyped']) {
    expect(ended.stdout + ended.stderr).not.toContain(secret);
  }
  return ended;
}

it(
  'a receiver that gets everything right ends it with 0, a line for each request',
  async () => {
    const { url } = await careful();
    const ended = await check([url.href], { WEBHOOK_SECRET: SECRET });
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(ended.stdout).toMatch(/✓ good +a genuine event +204 in \d+ ms\n/);
    expect(ended.stdout).toMatch(/✓ rotation .* 401, 204 in \d+ ms\n/);
    expect(ended.stdout).toMatch(/\nall 15 are right\n$/);
  },
  COMMAND_LIMIT_MS,
);

it(
  'the secret may stand in .env, and the report be JSON',
  async () => {
    const { url } = await careful();
    const folder = await commandFolder();
    await writeFile(join(folder, '.env'), `WEBHOOK_SECRET=${SECRET}\n`);
    const args = [url.href, '--signatures', 'standard,timestamped', '--json'];
    const { code, stdout } = await runCommand('webhooks_check', args, { folder });
    expect(code).toBe(0);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({
      url: url.href,
      signatures: ['standard', 'timestamped'],
      ok: true,
    });
    expect(report.results[0]).toEqual({
      name: 'good',
      sent: 'a genuine event',
      expected: 'accepted',
      answers: [{ status: 204, error: null, durationMs: expect.any(Number) }],
      ok: true,
      hint: null,
    });
    expect(stdout).not.toContain(SECRET);
  },
  COMMAND_LIMIT_MS,
);

it(
  'a receiver that believes everybody ends it with 1, and is told what to do',
  async () => {
    const { url } = await receiverServer(() => 200);
    const ended = await check([url.href, '--secret', SECRET]);
    expect(ended.code).toBe(1);
    expect(ended.stdout).toMatch(/✗ late .*\n +expected 4xx\n +Refuse a timestamp/);
    expect(ended.stdout).toContain('8 of 15 are wrong');
  },
  COMMAND_LIMIT_MS,
);

it(
  'what cannot be checked is refused with a remedy',
  async () => {
    const secret = ['--secret', SECRET];
    const refused = async (args: readonly string[], message: string, remedy = '') => {
      const { code, stdout, stderr } = await check(args);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toContain(message);
      expect(stderr).toContain(remedy);
    };
    await refused(['http://127.0.0.1:1/', ...secret], 'ECONNREFUSED', 'Start the receiver');
    await refused(['http://nobody.invalid/', ...secret], 'nobody.invalid', 'correct the URL');
    await refused(['localhost:3000', ...secret], 'no whole http or https URL', 'Use one such as');
    await refused(['http://user:pass@localhost/', ...secret], 'user name or password');
    await refused(['http://localhost/'], 'secret of the receiver is needed', 'WEBHOOK_SECRET');
    await refused(['http://localhost/', '--secret', 'whsec_mistyped'], 'base64', 'Make one with');
    await refused(['http://localhost/', ...secret, '--signatures', 'plain'], 'no timestamp');
    await refused(['http://localhost/', ...secret, '--signatures', 'veevo'], 'Use some of');
    expect(await check(['--help'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('--signatures <families>'),
    });
  },
  COMMAND_LIMIT_MS,
);
