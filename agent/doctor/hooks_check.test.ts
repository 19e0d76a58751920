import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { agentsCheck } from './agents_check.ts';
import { examine, type Finding } from './finding.ts';
import { hooksCheck } from './hooks_check.ts';
import { httpServer, NOWHERE } from './testing/http_server.ts';
import { settingsOf } from './testing/settings.ts';

async function findings(profile: string): Promise<Finding[]> {
  const settings = settingsOf({ WEBHOOK_SECRET: 'a-made-up-secret' });
  await mkdir(settings.agentsDir, { recursive: true });
  await writeFile(join(settings.agentsDir, 'desk.yaml'), `name: Desk\nprompt: Help.\n${profile}`);
  const all = await examine([agentsCheck(settings), hooksCheck(settings)]);
  return all.filter(({ check }) => check === 'hooks');
}

const startingAt = (url: string) => findings(`hooks: { on_call_start: "${url}" }\n`);

// A wrong port in a profile was first heard of by the first caller, who was turned away.
describe('hooks', () => {
  it('that answer are named once each, and asked without a signature', async () => {
    const asked: unknown[] = [];
    const backend = await httpServer(({ method, url, headers }, response) => {
      asked.push({ method, url, signed: 'x-veevo-signature' in headers });
      response.writeHead(405).end();
    });
    const found = await findings(
      `hooks: { on_call_start: "${backend}/start?key=secret", on_call_end: "${backend}/end" }\n`,
    );
    expect(found.map(({ status, message }) => `${status} ${message}`)).toEqual([
      `ok ${backend}/start (on_call_start of desk) answers`,
      `ok ${backend}/end (on_call_end of desk) answers`,
    ]);
    expect(asked).toHaveLength(2);
    expect(asked).toContainEqual({ method: 'HEAD', url: '/start?key=secret', signed: false });
  });

  it('at which nobody listens', async () => {
    expect(await startingAt(`${NOWHERE}/start`)).toMatchObject([
      {
        status: 'problem',
        message: `${NOWHERE}/start (on_call_start of desk) cannot be reached (connection_refused)`,
        remedy: 'Start the backend, or correct the port in the profile.',
      },
    ]);
  });

  it('of a name that there is not', async () => {
    expect(await startingAt('http://backend.invalid/start')).toMatchObject([
      { status: 'problem', remedy: expect.stringContaining('DNS') },
    ]);
  });

  it('that lead to where clouds keep credentials are not asked', async () => {
    expect(await startingAt('http://169.254.169.254/start')).toMatchObject([
      { status: 'problem', message: expect.stringContaining('(address_refused)') },
    ]);
  });

  it.each([
    [302, 'warning', 'Write the address that it redirects to into the profile.'],
    [502, 'problem', 'Check that the backend is running.'],
  ])('that answer %i', async (code, status, remedy) => {
    const backend = await httpServer((_, response) => response.writeHead(code).end());
    expect(await startingAt(`${backend}/start`)).toMatchObject([{ status, remedy }]);
  });

  it('of no profile are not looked at', async () => {
    expect(await findings('')).toEqual([]);
  });

  it('wait for profiles that can be read', async () => {
    expect(await findings('hooks: { on_call_start: 7 }\n')).toMatchObject([{ status: 'skipped' }]);
  });
});
