import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startChild } from './child.ts';

describe('a program of the stack', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'callwire-child-'));
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true, force: true });
  });

  const shell = (script: string) =>
    startChild({
      name: 'shell',
      program: '/bin/sh',
      args: ['-c', script],
      logFile: join(folder, 'shell.log'),
      stopSignal: 'SIGTERM',
    });

  it('writes to its log, of which the end can be shown', async () => {
    const child = await shell(
      'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13; do echo line $i; done; exit 3',
    );
    expect(await child.exited).toBe('exit code 3');
    const tail = (await child.logTail()).split('\n');
    expect(tail).toHaveLength(12);
    expect(tail.at(-1)).toBe('line 13');
  });

  it('does not see settings that would override its configuration', async () => {
    vi.stubEnv('LIVEKIT_KEYS', 'made-up: made-up');
    await (await shell('env')).exited;
    const environment = readFileSync(join(folder, 'shell.log'), 'utf8');
    expect(environment).toContain('PATH=');
    expect(environment).not.toContain('LIVEKIT_KEYS');
  });

  it('is stopped, even if it ignores being asked', async () => {
    const child = await shell("trap '' TERM; echo ready; while :; do sleep 0.1; done");
    await vi.waitUntil(async () => (await child.logTail()) === 'ready');
    await child.stop();
    expect(await child.exited).toBe('SIGKILL');
    await child.stop();
  });

  it('that is not there is named', async () => {
    const missing = startChild({
      name: 'livekit-sip',
      program: join(folder, 'livekit-sip'),
      args: [],
      logFile: join(folder, 'log'),
      stopSignal: 'SIGINT',
    });
    await expect(missing).rejects.toMatchObject({
      code: 'STACK_CHILD_FAILED',
      message: expect.stringContaining('livekit-sip cannot be run'),
    });
  });
});
