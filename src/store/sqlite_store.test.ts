import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { type Kysely, sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { newId } from '../ids.ts';
import { appendBatch } from './append.ts';
import { figuresOf } from './call_figures.ts';
import { CallsByKey } from './calls_by_key.ts';
import { WAITING_TARGETS } from './claims.ts';
import { conformanceComposer } from './conformance/composer.ts';
import { entryOf, fact } from './conformance/drafts.ts';
import { DELIVERY_BACKLOG } from './deliveries.ts';
import { Subscriptions } from './fan_out.ts';
import { IS_HELD } from './leases.ts';
import * as initial from './migrations/0001_initial.ts';
import { settleAsDone } from './plain_successes.ts';
import type { Tables } from './schema.ts';
import { openSqliteConnection } from './sqlite_connection.ts';
import { storeError } from './sqlite_errors.ts';
import { DATABASE_FILE, openSqliteStore } from './sqlite_store.ts';
import type { Append, EventDraft, Store } from './store.ts';
import { storeConformance } from './store_conformance.ts';
import { spyOnSyncs } from './testing/spy_on_syncs.ts';

const dirs: string[] = [];
function newDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'callwire-store-'));
  dirs.push(dir);
  return dir;
}
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

storeConformance('SQLite', (options) =>
  openSqliteStore({ dataDir: newDir(), composer: conformanceComposer, ...options }),
);

describe('the SQLite file', () => {
  let dataDir: string;
  let store: Store | undefined;
  const file = () => join(dataDir, DATABASE_FILE);
  const open = async () => {
    store = await openSqliteStore({
      dataDir,
      composer: conformanceComposer,
      defaultEndpoint: { perEvent: false },
    });
    return store;
  };
  beforeEach(() => {
    dataDir = newDir();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await store?.close();
    store = undefined;
  });

  it('keeps everything over a restart, in a folder of its owner alone', async () => {
    const entry = startedCall();
    await (await open()).append([entry]);
    await store?.close();
    expect(await (await open()).listCallEvents(entry.callId!)).toHaveLength(1);
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
  });

  it('acknowledges an append when it is on the disk, and lets others read meanwhile', async () => {
    const entry = startedCall();
    const { getCall } = await open();
    const disk = Promise.withResolvers<void>();
    const datasync = await spyOnSyncs(() => disk.promise);
    let acknowledged = false;
    const appended = store!.append([entry]).then(() => {
      acknowledged = true;
    });
    await vi.waitFor(() => expect(datasync).toHaveBeenCalled());
    expect(await getCall(entry.callId!)).not.toBeNull();
    expect(acknowledged).toBe(false);
    disk.resolve();
    await appended;
  });

  it('hands out no job of what is not on the disk yet', async () => {
    const { claimJobs } = await open();
    const disk = Promise.withResolvers<void>();
    const datasync = await spyOnSyncs(() => disk.promise);
    const appended = store!.append([startedCall()]);
    await vi.waitFor(() => expect(datasync).toHaveBeenCalled());
    const claimed = claimJobs({ limit: 10, perTarget: 10, leaseMs: 60_000 });
    expect(await Promise.race([claimed, getCallOf(store)])).toBe('read');
    disk.resolve();
    await appended;
    expect(await claimed).not.toEqual([]);
  });

  it('takes nothing any more once the disk has failed to keep something', async () => {
    const { claimJobs } = await open();
    const failing = Object.assign(new Error('i/o error'), { code: 'EIO' });
    await spyOnSyncs(() => Promise.reject(failing));
    const broken = { code: 'STORE_IO', retryable: false };
    await expect(store!.append([startedCall()])).rejects.toMatchObject(broken);
    vi.restoreAllMocks();
    await expect(store!.append([startedCall()])).rejects.toMatchObject(broken);
    const query = { limit: 10, perTarget: 10, leaseMs: 60_000 };
    await expect(claimJobs(query)).rejects.toMatchObject(broken);
  });

  it('goes on with what other platforms have told, where it was closed before all was followed', async () => {
    await open();
    const reports = Array.from({ length: 60 }, (_, n) =>
      entryOf(
        { facts: [fact('report', { agent: `a${n}` })] },
        { reportedBy: { provider: 'glue', callId: `their-${n}` } },
      ),
    );
    await store!.append(reports);
    await store!.close();
    const db = new Database(file(), { readonly: true });
    const { left } = db.prepare('select count(*) as left from reports').get() as { left: number };
    db.close();
    expect(left).toBeGreaterThan(0);
    await open();
    await expect.poll(async () => (await store!.listCalls({ limit: 100 })).length).toBe(60);
    const ids = reports.map(({ callId }) => callId!);
    const calls = await Promise.all(ids.map((id) => store!.getCall(id)));
    expect(calls.map((call) => call?.agentId)).toEqual(ids.map((_, n) => `a${n}`));
  });

  it('has the schema of schema.sql', async () => {
    await open();
    const schemaFile = new URL('./schema.sql', import.meta.url);
    const schema = dumpSchema(file());
    if (process.env.UPDATE_SCHEMA === '1') writeFileSync(schemaFile, schema);
    expect(schema, 'run the test with UPDATE_SCHEMA=1 and look at the difference').toBe(
      readFileSync(schemaFile, 'utf8'),
    );
  });

  it('finds the targets with waiting jobs by seeks alone', async () => {
    // With 1,000,000 jobs of one dead endpoint waiting, a claim took 4.3 s instead of 3 ms when
    // the planner walked another index. What it does shows in its plan with an empty table.
    await open();
    const db = openSqliteConnection(file());
    const plan = await sql<{ detail: string }>`explain query plan ${WAITING_TARGETS}`.execute(db);
    await db.destroy();
    const onJobs = plan.rows.map(({ detail }) => detail).filter((step) => step.includes(' jobs '));
    expect(onJobs).toHaveLength(3);
    for (const step of onJobs) expect(step).toMatch(/^SEARCH jobs USING COVERING INDEX jobs_due/);
  });

  it('finds the oldest delivery that waits by seeks alone', async () => {
    // Asked at every scrape: 1,000,000 jobs of a paused endpoint must not be walked past.
    await open();
    const db = openSqliteConnection(file());
    const plan = await sql<{ detail: string }>`explain query plan ${DELIVERY_BACKLOG}`.execute(db);
    await db.destroy();
    const onJobs = plan.rows.map(({ detail }) => detail).filter((step) => step.includes(' jobs '));
    // The walk is the count, which stops at 100,000.
    const walks = onJobs.filter((step) => !step.startsWith('SEARCH jobs USING'));
    expect(walks).toEqual(['SCAN jobs USING INDEX jobs_waiting']);
    expect(onJobs).toContain('SEARCH jobs USING COVERING INDEX jobs_waiting (target=?)');
  });

  it('settles by the ids of the jobs, never by way of all that wait or are claimed', async () => {
    await open();
    const db = openSqliteConnection(file());
    const plan = await sql<{ detail: string }>`
      explain query plan ${settleAsDone({ successes: '[]' })}
    `.execute(db);
    await db.destroy();
    const onJobs = plan.rows.map(({ detail }) => detail).filter((step) => step.includes(' jobs '));
    expect(onJobs).toEqual([expect.stringMatching(/^SEARCH jobs USING INDEX .*\(id=\?\)$/)]);
  });

  it('looks for abandoned calls among those that are held, however many have ended', async () => {
    // Every five seconds, and before each renewal: a walk through all calls would stop appends.
    await open();
    const db = openSqliteConnection(file());
    const statements = [
      sql`select * from calls where ${IS_HELD} and lease_until <= ${1} order by lease_until`,
      sql`update calls set lease_until = ${1} where ${IS_HELD} and lease_until > ${1}`,
    ];
    for (const statement of statements) {
      const plan = await sql<{ detail: string }>`explain query plan ${statement}`.execute(db);
      expect(plan.rows.map(({ detail }) => detail)).toEqual([
        expect.stringMatching(/^SEARCH calls USING INDEX calls_held_by_lease/),
      ]);
    }
    await db.destroy();
  });

  it('adds up calls from one index, by one range of it', async () => {
    await open();
    const db = openSqliteConnection(file());
    for (const direction of [undefined, 'inbound'] as const) {
      const query = { from: 1, to: 2, ...(direction && { direction }) };
      const plan = await sql<{ detail: string }>`explain query plan ${figuresOf(query)}`.execute(
        db,
      );
      expect(plan.rows[0]?.detail).toMatch(
        /^SEARCH calls USING COVERING INDEX calls_completed \(created_at>\? AND created_at<\?\)/,
      );
    }
    await db.destroy();
  });

  it('loses nothing of a database of the first version', async () => {
    const db = await makeFirstVersion(file());
    db.exec(`insert into jobs (id, kind, target, state, body, next_at, created_at)
      values ('dlv_old', 'webhook', 'whe_default', 'done', '{}', 5, 5),
             ('dlv_due', 'crm_write', 'crm', 'waiting', '{}', 5, 5)`);
    db.close();
    await open();
    const left = await store?.listDeliveries({ limit: 10 });
    expect(left).toMatchObject([
      { id: 'dlv_due', state: 'waiting', nextAt: 5 },
      { id: 'dlv_old', state: 'done' },
    ]);
  });

  /**
   * Kysely runs migrations of SQLite without a transaction of their own accord. A crash in the middle
   * of the second one would have left a database that neither version could open: its first
   * statements done, so that they fail the next time. Here its last one fails instead.
   */
  it('is migrated in whole steps, also when one breaks off', async () => {
    const db = await makeFirstVersion(file());
    db.exec('create table api_keys (in_the_way text)');
    db.close();
    await expect(open()).rejects.toMatchObject({ code: 'STORE_FAILED' });
    const mended = new Database(file());
    expect(mended.pragma('table_list(endpoints)')).toEqual([]);
    mended.exec('drop table api_keys');
    mended.close();
    await open();
    expect(await store?.listApiKeys()).toEqual([]);
  });

  it('keeps no byte of what was redacted', async () => {
    const entry = startedCall();
    const word = 'Unmistakable';
    await (await open()).append([
      {
        ...entry,
        open: { ...entry.open!, metadata: { word }, room: word },
        facts: [{ id: 'f', kind: 'note', time: 1, data: { word: word.repeat(2_000) } }],
        events: [...entry.events!, { ...draft('call.ended'), data: { end_reason: word } }],
      },
    ]);
    await store?.redactCall(entry.callId!);
    await store?.close();
    // The reason of the end is a word of ours in real life; everything else has to be gone.
    const bytes = readFileSync(file(), 'latin1').split(word).length - 1;
    expect(bytes).toBe(1);
  });

  it('is not opened by an older Callwire than the one that made it', async () => {
    await open();
    await store?.close();
    const db = new Database(file());
    db.exec(`insert into kysely_migration values ('9999_from_the_future', '2099-01-01')`);
    db.close();
    await expect(open()).rejects.toMatchObject({
      code: 'STORE_NEWER',
      message: expect.stringContaining('9999_from_the_future'),
      remedy: expect.any(String),
    });
  });

  it('says so when it is no database, and gives DATA_DIR back', async () => {
    writeFileSync(file(), 'these are not the bytes of a database'.repeat(100));
    const broken = { code: 'STORE_CORRUPT', retryable: false, remedy: expect.any(String) };
    await expect(open()).rejects.toMatchObject(broken);
    rmSync(file());
    await expect(open()).resolves.toBeDefined();
  });

  it('takes back the whole batch when the disk is full, and can be asked again', async () => {
    // A full disk, played by a limit on the pages of the file.
    await (await open()).close();
    const db = openSqliteConnection(file());
    const options = {
      composer: conformanceComposer,
      defaultEndpoint: null,
      subscriptions: new Subscriptions(),
      callsByKey: new CallsByKey(),
      clock: Date.now,
      openLeaseMs: 1_000,
      ownContacts: true,
    };
    const write = (batch: Append[]) =>
      db
        .transaction()
        .execute((trx) => appendBatch(trx, batch, options))
        .catch((error: unknown) => Promise.reject(storeError(error)));
    const entry = startedCall();
    await write([entry]);
    const pages = Number(await pragma(db, 'page_count'));
    await pragma(db, `max_page_count = ${pages + 2}`);
    const small = { callId: entry.callId, lease: 1, events: [draft('a.small')] };
    const large = {
      callId: entry.callId,
      facts: [{ id: 'f', kind: 'note' as const, time: 1, data: { message: 'x'.repeat(100_000) } }],
    };
    await expect(write([small, large])).rejects.toMatchObject({
      code: 'STORE_FULL',
      retryable: true,
      remedy: expect.any(String),
    });
    await pragma(db, 'max_page_count = 100000');
    await write([small, large]);
    const sequences = await db
      .selectFrom('events')
      .select('sequence')
      .orderBy('position')
      .execute();
    await db.destroy();
    expect(sequences).toEqual([{ sequence: 1 }, { sequence: 2 }]);
  });
});

function draft(type: string): EventDraft {
  return { id: newId('evt'), type, time: Date.UTC(2026, 0, 1), data: {} };
}

function startedCall(): Append {
  const id = newId('call');
  return {
    callId: id,
    open: {
      id,
      direction: 'inbound',
      from: null,
      to: '+15550100000',
      agentId: 'receptionist',
      room: 'room-1',
      metadata: {},
      time: Date.UTC(2026, 0, 1),
    },
    events: [draft('call.started')],
  };
}

/** A database as the first migration left it. */
async function makeFirstVersion(path: string): Promise<Database.Database> {
  const db = openSqliteConnection(path);
  await initial.up(db as unknown as Kysely<never>);
  await db.destroy();
  const raw = new Database(path);
  raw.exec(`
    create table kysely_migration (name text primary key, timestamp text not null);
    create table kysely_migration_lock (id text primary key, is_locked integer not null default 0);
    insert into kysely_migration_lock values ('migration_lock', 0);
    insert into kysely_migration values ('0001_initial', '2026-01-01T00:00:00.000Z');
  `);
  return raw;
}

async function pragma(db: Kysely<Tables>, text: string): Promise<unknown> {
  const { rows } = await sql.raw<Record<string, unknown>>(`pragma ${text}`).execute(db);
  return Object.values(rows[0] ?? {})[0];
}

/** As SQLite keeps it: every table and index with the text that made it. */
function dumpSchema(path: string): string {
  const db = new Database(path, { readonly: true });
  const rows = db
    .prepare(
      `select sql from sqlite_schema
        where sql is not null and name not like 'sqlite_%' and name not like 'kysely_%'
        order by tbl_name, type desc, name`,
    )
    .pluck()
    .all() as string[];
  db.close();
  const header =
    '-- Generated by sqlite_store.test.ts (UPDATE_SCHEMA=1): what the migrations make.\n';
  return `${header}\n${rows.map((text) => `${text.replace(/\n {4}/g, '\n  ').replace(/\n {2}\)/, '\n)')};\n`).join('\n')}`;
}

/** Something that takes the store a while. */
async function getCallOf(store: Store | undefined): Promise<'read'> {
  for (let i = 0; i < 20; i++) await store?.getCall('call_unknown');
  return 'read';
}
