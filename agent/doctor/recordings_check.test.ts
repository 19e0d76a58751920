import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { S3_KEYS, S3Server } from '../../sim/s3/s3_server.ts';
import { examine, type Finding } from './finding.ts';
import { recordingsCheck } from './recordings_check.ts';
import { NOWHERE } from './testing/http_server.ts';
import { settingsOf } from './testing/settings.ts';

const RECORDING = `name: A
prompt: Help.
disclosure: "This call may be recorded."
recording: { enabled: true }
`;

async function look(env: Record<string, string> = {}, profile = RECORDING): Promise<Finding> {
  const settings = settingsOf(env);
  await mkdir(settings.agentsDir, { recursive: true });
  await writeFile(join(settings.agentsDir, 'a.yaml'), profile);
  const findings = await examine([recordingsCheck(settings)]);
  expect(findings).toHaveLength(1);
  return findings[0]!;
}

/** A folder of its own, gone with the test. */
const folder = () => dirname(settingsOf().agentsDir);

describe('recordings', () => {
  it('are none, so that nothing is looked at', async () => {
    const nowhere = { RECORDINGS_URL: '/dev/null/recordings' };
    expect(await look(nowhere, 'name: A\nprompt: Help.\n')).toMatchObject({
      status: 'ok',
      message: 'no agent records its calls',
    });
  });

  it('have a folder, which may be yet to be made', async () => {
    expect(await look()).toMatchObject({
      status: expect.stringMatching(/^(ok|warning)$/),
      message: expect.stringContaining('recordings'),
    });
    const path = folder();
    await mkdir(path, { recursive: true });
    expect(await look({ RECORDINGS_URL: path })).toMatchObject({
      status: expect.stringMatching(/^(ok|warning)$/),
    });
    expect(await readdir(path)).toEqual([]);
  });

  it.each(['/dev/null', '/dev/null/recordings', '/proc/recordings'])(
    'cannot be put into %s',
    async (path) => {
      expect(await look({ RECORDINGS_URL: path })).toMatchObject({
        status: 'problem',
        message: `${path} cannot be written to`,
        remedy: expect.stringContaining('RECORDINGS_URL'),
      });
    },
  );
});

describe('recordings in a bucket', () => {
  let server: S3Server;
  beforeEach(async () => {
    server = await S3Server.start();
    onTestFinished(() => server.stop());
    vi.stubEnv('AWS_ACCESS_KEY_ID', S3_KEYS.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', S3_KEYS.secretAccessKey);
    vi.stubEnv('AWS_ENDPOINT_URL_S3', server.url);
    vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
    return () => vi.unstubAllEnvs();
  });
  const lookAt = (url = `s3://${server.bucket}/calls`) => look({ RECORDINGS_URL: url });

  it('are taken, and nothing is left of the test', async () => {
    expect(await lookAt()).toMatchObject({
      status: 'ok',
      message: expect.stringContaining(`s3://${server.bucket}/calls`),
    });
    expect(server.objects.size).toBe(0);
    expect(server.log.map((line) => line.split(' ')[0])).toEqual(['PUT', 'HEAD', 'DELETE']);
  });

  it('have no bucket of that name', async () => {
    expect(await lookAt('s3://another-bucket')).toMatchObject({
      status: 'problem',
      message: 'there is no bucket another-bucket',
      remedy: expect.stringContaining('RECORDINGS_URL'),
    });
  });

  it('have keys that are wrong, and are not told', async () => {
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'another-made-up-secret');
    const finding = await lookAt();
    expect(finding).toMatchObject({
      status: 'problem',
      message: expect.stringContaining('SignatureDoesNotMatch'),
      remedy: expect.stringContaining('AWS_SECRET_ACCESS_KEY'),
    });
    expect(JSON.stringify(finding)).not.toContain('another-made-up-secret');
  });

  it.each(['PUT', 'HEAD', 'DELETE'])('may not do everything: %s is forbidden', async (method) => {
    server.forbid(method);
    const finding = await lookAt();
    expect(finding).toMatchObject({
      status: 'problem',
      message: expect.stringContaining('forbids s3:'),
      remedy: expect.stringContaining('s3:DeleteObject'),
    });
    expect(finding.message.includes('is left there')).toBe(server.objects.size > 0);
  });

  it('are kept by a server that does not answer', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL_S3', NOWHERE);
    expect(await lookAt()).toMatchObject({
      status: 'problem',
      message: expect.stringContaining('cannot be reached'),
      remedy: expect.stringContaining('AWS_ENDPOINT_URL_S3'),
    });
  });
});
