import { cp, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, expect, it } from 'vitest';
import { reserveWal } from './wal_reserve.ts';

/* After every start some hundred appends waited for a file that grew under them. */

const RESERVED = 1024 * 1024;

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'callwire-wal-'));
  cleanUps.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

function open(file: string): Database.Database {
  const database = new Database(file);
  cleanUps.push(() => database.close());
  database.pragma('journal_mode = WAL');
  database.pragma('wal_autocheckpoint = 0');
  database.exec('create table if not exists t (a)');
  return database;
}

function write(database: Database.Database, rows: number): void {
  const insert = database.prepare('insert into t values (?)');
  for (let i = 0; i < rows; i++) insert.run('x'.repeat(1_000));
}

const count = (database: Database.Database) =>
  database.prepare('select count(*) from t').pluck().get();

const length = async (file: string) => (await stat(`${file}-wal`)).size;

it('gives the WAL the length that commits then leave as it is', async () => {
  const file = join(await folder(), 'a.db');
  const database = open(file);
  write(database, 3);
  reserveWal(file, RESERVED);
  expect(await length(file)).toBe(RESERVED);
  write(database, 50);
  expect(await length(file)).toBe(RESERVED);
  database.pragma('wal_checkpoint(passive)');
  write(database, 1);
  expect(await length(file)).toBe(RESERVED);
  expect(count(database)).toBe(54);
});

it('costs nothing that was committed, neither at a crash nor in a database without a WAL', async () => {
  const [file, crashed] = [join(await folder(), 'a.db'), join(await folder(), 'a.db')];
  write(open(file), 2);
  cleanUps.pop()?.();
  const database = open(file);
  expect(count(database)).toBe(2);
  expect(await length(file)).toBe(0);
  reserveWal(file, RESERVED);
  write(database, 5);
  for (const end of ['', '-wal']) await cp(file + end, crashed + end);
  const recovered = open(crashed);
  expect(count(recovered)).toBe(7);
  reserveWal(crashed, RESERVED);
  write(recovered, 5);
  expect(count(recovered)).toBe(12);
  expect(recovered.pragma('integrity_check', { simple: true })).toBe('ok');
});

it('takes no room where there is little, and does without a WAL that cannot be had', async () => {
  const file = join(await folder(), 'a.db');
  const database = open(file);
  const before = await length(file);
  reserveWal(file, 2 ** 50);
  expect(await length(file)).toBe(before);
  write(database, 1);
  expect(() => reserveWal(join(file, 'nowhere.db'))).not.toThrow();
});
