import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { makeDataDir } from './data_dir.ts';
import { localLivekitKeys } from './livekit_keys.ts';

function dataDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'callwire-keys-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return join(dir, 'data');
}

test('keys are made once, for the owner only', () => {
  const dir = dataDir();
  const made = localLivekitKeys(dir);
  expect(made.apiSecret.length).toBeGreaterThanOrEqual(32);
  expect(localLivekitKeys(dir)).toEqual(made);
  expect(statSync(dir).mode & 0o777).toBe(0o700);
  expect(statSync(join(dir, 'livekit-keys.json')).mode & 0o777).toBe(0o600);
  expect(readdirSync(dir)).toEqual(['livekit-keys.json']);
});

test('commands that start together agree on the keys', async () => {
  const dir = dataDir();
  const module = new URL('./livekit_keys.ts', import.meta.url).href;
  const source = `
    const { parentPort } = require('node:worker_threads');
    import(${JSON.stringify(module)}).then(({ localLivekitKeys }) => {
      parentPort.once('message', () => parentPort.postMessage(localLivekitKeys(${JSON.stringify(dir)})));
      parentPort.postMessage('loaded');
    });`;
  const workers = Array.from({ length: 4 }, () => new Worker(source, { eval: true, execArgv: [] }));
  const next = (worker: Worker) =>
    new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  try {
    await Promise.all(workers.map(next));
    const answers = workers.map(next);
    for (const worker of workers) worker.postMessage('go');
    const keys = await Promise.all(answers);
    expect(new Set(keys.map((key) => JSON.stringify(key))).size).toBe(1);
    expect(readdirSync(dir)).toEqual(['livekit-keys.json']);
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
});

test('a damaged file is an error that does not quote it', () => {
  const dir = dataDir();
  makeDataDir(dir);
  writeFileSync(join(dir, 'livekit-keys.json'), '{"apiKey":"made-up","apiSecret":"made-up"');
  expect(() => localLivekitKeys(dir)).toThrow(/^livekit-keys.json does not hold/);
});
