import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CompiledQuery, type Kysely } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Tables } from './schema.ts';
import { openSqliteConnection } from './sqlite_connection.ts';

let folder: string;
let db: Kysely<Tables>;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'callwire-connection-'));
  db = openSqliteConnection(join(folder, 'callwire.db'));
});
afterEach(async () => {
  await db.destroy();
  rmSync(folder, { recursive: true });
});

/** None has a name: SQLite opens them so, or deletes each as soon as it is open. */
function temporaryFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      return path.endsWith('(deleted)') ? [path] : [];
    } catch {
      return [];
    }
  });
}

describe('openSqliteConnection', () => {
  it('makes no temporary file for what a savepoint changes', async () => {
    const run = (query: string) => db.executeQuery(CompiledQuery.raw(query));
    await run('create table pages (id integer primary key, text text)');
    const before = temporaryFiles();
    const rows = Array.from({ length: 60 }, (_, i) => `(${i}, hex(randomblob(2000)))`);
    await run(`insert into pages values ${rows.join(', ')}`);
    await db.transaction().execute(async (trx) => {
      const inside = (query: string) => trx.executeQuery(CompiledQuery.raw(query));
      await inside('savepoint entry');
      await inside('update pages set text = hex(randomblob(2000))');
      expect(temporaryFiles()).toEqual(before);
      await inside('rollback to entry');
      await inside('release entry');
    });
  });
});
