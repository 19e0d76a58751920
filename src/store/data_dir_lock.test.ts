import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DataDirLock, lockDataDir, readDataDirHolder } from './data_dir_lock.ts';

describe('the lock of DATA_DIR', () => {
  let parent: string;
  let dataDir: string;
  let lock: DataDirLock | undefined;
  let child: ChildProcess | undefined;

  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'callwire-lock-'));
    dataDir = join(parent, 'data');
  });
  afterEach(() => {
    lock?.release();
    child?.kill('SIGKILL');
    rmSync(parent, { recursive: true, force: true });
  });

  /** Another process that takes the lock and then does nothing. */
  async function holdInChild(): Promise<ChildProcess> {
    const module = new URL('./data_dir_lock.ts', import.meta.url).href;
    const script = `
      const { lockDataDir } = await import(${JSON.stringify(module)});
      lockDataDir(${JSON.stringify(dataDir)}, 'npm run agent');
      console.log('held');
      setInterval(() => {}, 1000);
    `;
    child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout!, 'data');
    return child;
  }

  it('makes the folder for its owner alone', () => {
    lock = lockDataDir(dataDir, 'test');
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    expect(readDataDirHolder(dataDir)).toMatchObject({ pid: process.pid, command: 'test' });
  });

  /*
   * The disk is full to the last byte, and the worker starts: SQLite's file of the lock has its place
   * already, a name does not fit any more. The worker once died of that with a bare ENOSPC.
   */
  it('is held also where nobody can be named', () => {
    mkdirSync(dataDir);
    symlinkSync(join(parent, 'gone', 'holder.json'), join(dataDir, 'holder.json'));
    lock = lockDataDir(dataDir, 'test');
    expect(readDataDirHolder(dataDir)).toBeNull();
    expect(() => lockDataDir(dataDir)).toThrow(
      expect.objectContaining({
        code: 'DATA_DIR_LOCKED',
        message: expect.stringContaining('in use by another process'),
      }),
    );
  });

  it('tells a second process who holds it and what to do', async () => {
    const holder = await holdInChild();
    expect(() => lockDataDir(dataDir)).toThrow(
      expect.objectContaining({
        code: 'DATA_DIR_LOCKED',
        message: expect.stringMatching(`"npm run agent" \\(pid ${holder.pid}, since 20`),
        remedy: expect.stringContaining('DATA_DIR'),
      }),
    );
  });

  it('dies with its process, however that died', async () => {
    const holder = await holdInChild();
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    lock = lockDataDir(dataDir, 'test');
    expect(readDataDirHolder(dataDir)).toMatchObject({ command: 'test' });
  });

  it('keeps out a second holder of the same process', () => {
    lock = lockDataDir(dataDir);
    expect(() => lockDataDir(dataDir)).toThrow(
      expect.objectContaining({ code: 'DATA_DIR_LOCKED' }),
    );
    lock.release();
    lock.release();
    expect(existsSync(join(dataDir, 'holder.json'))).toBe(false);
    lock = lockDataDir(dataDir);
  });

  it('names no one where the holder left no name', async () => {
    await holdInChild();
    writeFileSync(join(dataDir, 'holder.json'), 'not json');
    expect(() => lockDataDir(dataDir)).toThrow(/another process/);
  });

  it('refuses a path that is no folder', () => {
    writeFileSync(dataDir, '');
    expect(() => lockDataDir(dataDir)).toThrow(
      expect.objectContaining({ code: 'STORE_NOT_WRITABLE', remedy: expect.any(String) }),
    );
  });
});
