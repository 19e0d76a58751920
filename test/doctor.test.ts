import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Finding } from '../agent/doctor/finding.ts';
import { Installation } from '../sim/installation/installation.ts';

const DOCTOR = fileURLToPath(new URL('../agent/doctor.ts', import.meta.url));
const run = promisify(execFile);

describe('npm run doctor on a running installation', () => {
  let installation: Installation;
  beforeAll(async () => {
    installation = await Installation.start({ stack: inject('stack'), number: '+15550106090' });
  });
  afterAll(() => installation?.stop());

  const examined = async (
    env: Record<string, string> = {},
  ): Promise<{ ok: boolean; code: number; of: (check: string) => Finding[] }> => {
    const { PATH = '', HOME = '', XDG_RUNTIME_DIR = '', TMPDIR = '' } = process.env;
    const { stdout, code } = await run(process.execPath, [DOCTOR, '--json'], {
      env: { PATH, HOME, XDG_RUNTIME_DIR, TMPDIR, ...installation.environment, ...env },
    }).then(
      (ended) => ({ ...ended, code: 0 }),
      (error: { stdout: string; code: number }) => error,
    );
    const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: Finding[] };
    return { ok, code, of: (check) => findings.filter((finding) => finding.check === check) };
  };

  it('finds nothing wrong', async () => {
    const before = installation.backend.received.length;
    const { ok, code, of } = await examined();
    const checks = ['settings', 'agents', 'livekit', 'inbound_trunk', 'outbound_trunk', 'model'];
    for (const check of [...checks, 'crm', 'webhook', 'data_dir', 'recordings', 'ports']) {
      expect(of(check)).not.toHaveLength(0);
      for (const finding of of(check)) expect(finding).toMatchObject({ status: 'ok' });
    }
    expect({ ok, code }).toEqual({ ok: true, code: 0 });
    expect(of('data_dir')[0]?.message).toContain(`pid ${installation.worker.pid}`);
    expect(of('outbound_trunk')[0]?.message).toContain(installation.carrier.address);
    const tests = installation.backend.received.slice(before);
    expect(tests.map(({ event }) => event)).toEqual(Array(3).fill('webhook.test'));
    // Sent, but nothing that happened: the record is as it was.
    expect(await installation.events()).toEqual([]);
  });

  it('finds a key that LiveKit does not take, and looks no further there', async () => {
    const { ok, code, of } = await examined({
      LIVEKIT_API_SECRET: 'another-made-up-secret-of-many-characters',
    });
    expect({ ok, code }).toEqual({ ok: false, code: 1 });
    expect(of('livekit')[0]).toMatchObject({
      status: 'problem',
      message: 'LiveKit does not accept the API key',
    });
    expect(of('inbound_trunk')[0]).toMatchObject({ status: 'skipped' });
    expect(of('model')[0]).toMatchObject({ status: 'ok' });
  });

  it('finds settings that have changed since the last sip:setup, and secrets that differ', async () => {
    const { of } = await examined({
      LIVEKIT_AGENT_NAME: 'nobody-dispatches-to-this',
      OPENAI_API_KEY: 'another-made-up-key',
      WEBHOOK_SECRET: 'another-made-up-secret',
    });
    expect(of('inbound_trunk')[0]).toMatchObject({ status: 'problem' });
    expect(of('outbound_trunk')[0]).toMatchObject({ status: 'problem' });
    expect(of('model')[0]).toMatchObject({
      status: 'problem',
      message: expect.stringContaining('refuses the key'),
    });
    expect(of('webhook')[0]).toMatchObject({
      status: 'problem',
      message: expect.stringContaining('does not accept the signature'),
    });
    const moved = await examined({ SIP_OUTBOUND_ADDRESS: '203.0.113.7;transport=udp' });
    expect(moved.of('outbound_trunk')[0]).toMatchObject({
      status: 'problem',
      remedy: expect.stringContaining('npm run sip:setup'),
    });
  });
});
