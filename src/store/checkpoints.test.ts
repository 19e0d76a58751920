import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, expect, it, vi } from 'vitest';
import { checkpoint, startCheckpoints } from './checkpoints.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

async function database(): Promise<{ file: string; writer: Database.Database }> {
  const folder = await mkdtemp(join(tmpdir(), 'callwire-checkpoints-'));
  cleanUps.push(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'a.db');
  const writer = new Database(file);
  cleanUps.push(() => writer.close());
  writer.pragma('journal_mode = WAL');
  writer.pragma('wal_autocheckpoint = 0');
  writer.exec('create table t (a)');
  return { file, writer };
}

function write(writer: Database.Database, rows: number): void {
  const insert = writer.prepare('insert into t values (?)');
  for (let i = 0; i < rows; i++) insert.run('x'.repeat(4_000));
}

it('copies the WAL while the writer is open, and the next commit begins it anew', async () => {
  const { file, writer } = await database();
  write(writer, 30);
  const checkpoints = startCheckpoints({ file, lookEveryMs: 10, pausePages: 20 });
  await vi.waitFor(
    () => {
      const { pages, copied } = checkpoint(writer, 'noop');
      expect(copied).toBe(pages);
    },
    { timeout: 10_000 },
  );
  const { pages } = checkpoint(writer, 'noop');
  write(writer, 1);
  expect(checkpoint(writer, 'noop').pages).toBeLessThan(pages);
  await checkpoints.stop();
});

it('leaves a short WAL alone, and the writer the last to close', async () => {
  const { file, writer } = await database();
  const checkpoints = startCheckpoints({ file, lookEveryMs: 1, pausePages: 1_000 });
  write(writer, 5);
  await checkpoints.stop();
  expect(checkpoint(writer, 'noop').copied).toBe(0);
  writer.close();
  const reopened = new Database(file, { fileMustExist: true });
  cleanUps.push(() => reopened.close());
  expect(reopened.prepare('select count(*) as n from t').get()).toEqual({ n: 5 });
});
