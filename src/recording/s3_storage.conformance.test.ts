import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { S3_KEYS, S3Server } from '../../sim/s3/s3_server.ts';
import { S3Storage } from './s3_storage.ts';
import { type StorageUnderTest, storageConformance } from './storage_conformance.ts';

beforeEach(() => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', S3_KEYS.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', S3_KEYS.secretAccessKey);
  return () => vi.unstubAllEnvs();
});

async function open(): Promise<StorageUnderTest & { storage: S3Storage; server: S3Server }> {
  const made = await mkdtempDisposable(join(tmpdir(), 'callwire-storage-'));
  const server = await S3Server.start();
  vi.stubEnv('AWS_ENDPOINT_URL_S3', server.url);
  onTestFinished(async () => {
    await made.remove();
    await server.stop();
  });
  return {
    storage: new S3Storage({ bucket: server.bucket, prefix: 'calls/2026' }),
    server,
    folder: made.path,
    read: (location) => {
      const object = server.objects.get(location.split('/').slice(3).join('/'));
      return Promise.resolve(object?.body ?? null);
    },
  };
}

async function kept() {
  const opened = await open();
  const path = join(opened.folder, 'unfinished.wav');
  await writeFile(path, 'RIFF and sound');
  await opened.storage.keep('call_1.wav', path, AbortSignal.timeout(10_000));
  return { ...opened, location: opened.storage.locationOf('call_1.wav') };
}

describe('a bucket', () => {
  storageConformance(open);

  it('has them under its prefix, as sound', async () => {
    const { location, server } = await kept();
    expect(location).toBe('s3://made-up-bucket/calls/2026/call_1.wav');
    expect(server.objects.get('calls/2026/call_1.wav')?.contentType).toBe('audio/wav');
    expect(server.log).toEqual(['PUT /made-up-bucket/calls/2026/call_1.wav 200']);
  });

  it('gives URLs that work for 15 minutes, in parts as well, for nobody who changed them', async () => {
    const { storage, server, location } = await kept();
    const url = await storage.link({ location }, Date.now() + 15 * 60_000);
    expect(await (await fetch(url)).text()).toBe('RIFF and sound');
    const part = await fetch(url, { headers: { range: 'bytes=0-3' } });
    expect([part.status, await part.text()]).toEqual([206, 'RIFF']);
    expect((await fetch(url.replace('call_1', 'call_2'))).status).toBe(403);
    expect((await fetch(url.split('?')[0] ?? '')).status).toBe(403);
    server.clock = () => Date.now() + 16 * 60_000;
    expect((await fetch(url)).status).toBe(403);
  });

  it('says so where it refuses, and keeps the file then', async () => {
    const { storage, server, folder, read } = await open();
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'another');
    const stranger = new S3Storage({ bucket: server.bucket, prefix: '' });
    const path = join(folder, 'unfinished.wav');
    await writeFile(path, 'sound');
    const keep = (one: S3Storage) => one.keep('call_1.wav', path, AbortSignal.timeout(10_000));
    await expect(keep(stranger)).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' });
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', S3_KEYS.secretAccessKey);
    expect(await read(storage.locationOf('call_1.wav'))).toBeNull();
    server.fail(1);
    await expect(keep(storage)).rejects.toMatchObject({ $metadata: { httpStatusCode: 503 } });
    await keep(storage);
    expect(await read(storage.locationOf('call_1.wav'))).toEqual(Buffer.from('sound'));
  });
});
