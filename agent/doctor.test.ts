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
});
