import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMAND_LIMIT_MS, commandFolder, runCommand } from './testing/run_command.ts';

// What each check finds is in doctor/*.test.ts, a healthy installation in test/doctor.test.ts.
describe('npm run doctor', { timeout: COMMAND_LIMIT_MS }, () => {
  it('says what is wrong and what to do, and exits with 1', async () => {
    const folder = await commandFolder();
    const { code, stdout } = await runCommand('doctor', [], {
      folder,
      env: { LIVEKIT_URL: 'ws://127.0.0.1:1', LIVEKIT_API_KEY: 'x', LIVEKIT_API_SECRET: 'y' },
    });
    expect(code).toBe(1);
    expect(stdout).toMatch(/✗ livekit +LiveKit does not answer\n +→ Check LIVEKIT_URL/);
    expect(stdout).toMatch(/– inbound trunk +not looked at/);
    expect(stdout).toMatch(/✗ model +OPENAI_API_KEY is not set/);
    expect(stdout).toMatch(/\d+ problems/);
  });

  it('names every wrong setting, as JSON where it is asked for', async () => {
    const folder = await commandFolder();
    const { code, stdout } = await runCommand('doctor', ['--json'], {
      folder,
      env: { MAX_CALLS: 'many', SIP_OUTBOUND_ADDRESS: 'https://sip.example.com' },
    });
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      ok: false,
      findings: [
        {
          check: 'settings',
          status: 'problem',
          message: expect.stringMatching(/MAX_CALLS[\s\S]*SIP_OUTBOUND_ADDRESS/),
          remedy: expect.stringContaining('.env'),
        },
      ],
    });
  });

  // The secret that a profile names was in .env, the worker had it, and the doctor said it was not set.
  it('has from .env what the worker has from it', async () => {
    const folder = await commandFolder();
    await mkdir(join(folder, 'agents'));
    await writeFile(
      join(folder, 'agents', 'desk.yaml'),
      'name: Desk\nprompt: Help.\nhooks: { on_call_start: "http://127.0.0.1:1/start", secret_env: HOOK_SECRET }\n',
    );
    await writeFile(
      join(folder, '.env'),
      'LIVEKIT_URL=ws://127.0.0.1:1\nLIVEKIT_API_KEY=x\nLIVEKIT_API_SECRET=y\nAGENTS_DIR=agents\nHOOK_SECRET=a-made-up-secret\n',
    );
    const { stdout } = await runCommand('doctor', ['--json'], { folder });
    const { findings } = JSON.parse(stdout) as { findings: { check: string }[] };
    expect(findings.find(({ check }) => check === 'agents')).toMatchObject({
      status: 'ok',
      message: 'desk',
    });
  });
});
