import { join } from 'node:path';
import Database from 'better-sqlite3';
import { newId } from '../../src/ids.ts';
import { openStore } from '../../src/ledger/open_store.ts';
import type { EndpointRecord } from '../../src/store/endpoint_store.ts';
import { BLOCKED } from '../../src/store/ordered_deliveries.ts';
import { DATABASE_FILE } from '../../src/store/sqlite_store.ts';
import type { Store } from '../../src/store/store.ts';

const HOUR_MS = 3_600_000;
const BODY_BYTES = 2_048;
const EVENTS_PER_CALL = 100;

/**
 * Why deliveries pile up: an endpoint each, with a tenth of the pile. `due` is SQL for when the
 * delivery of the event `n` may be tried, with `now` and `later` bound.
 */
const REASONS: { name: string; over: Partial<EndpointRecord>; due: string }[] = [
  { name: 'live', over: {}, due: ':now' },
  { name: 'down 1', over: { failingSince: 1 }, due: ':now + n * 700' },
  { name: 'down 2', over: { failingSince: 1 }, due: ':now + n * 700' },
  { name: 'down 3', over: { failingSince: 1 }, due: ':later' },
  { name: 'down 4', over: { failingSince: 1 }, due: ':later' },
  { name: 'paused 1', over: { status: 'paused' }, due: ':now' },
  { name: 'paused 2', over: { status: 'paused' }, due: ':now' },
  { name: 'gone', over: { status: 'disabled', disabledReason: 'gone' }, due: ':now' },
  {
    name: 'ordered',
    over: { ordered: true, failingSince: 1 },
    due: `iif(n % ${EVENTS_PER_CALL} = 0, :later, ${BLOCKED})`,
  },
  { name: 'told to wait', over: {}, due: ':later' },
];

export interface Pile {
  waiting: number;
  /** Calls that have ended earlier, with so many deliveries each that are done. */
  settled: { calls: number; deliveries: number };
  /** Told how far it is. */
  log: (line: string) => void;
}

/**
 * A store with deliveries in the ways in which they pile up; new events go to the live endpoint only.
 * The rows are written beside the store, which would take half an hour for 1,000,000.
 */
export async function openPiledStore(dataDir: string, pile: Pile): Promise<Store> {
  const store = await openStore({ dataDir, defaultEndpoint: null });
  const endpoints: { id: string; due: string }[] = [];
  const createdAt = Date.now();
  for (const { name, over, due } of REASONS) {
    const id = newId('whe');
    endpoints.push({ id, due });
    await store.createEndpoint({
      id,
      name,
      url: 'https://backend.example/events',
      ordered: false,
      signatures: ['standard'],
      status: 'active',
      disabledReason: null,
      secret: 'sealed',
      previousSecret: null,
      previousUntil: null,
      failingSince: null,
      lastSuccessAt: null,
      createdAt,
      ...over,
    });
  }
  const [live] = endpoints;
  if (live) {
    const trigger = {
      name: 'all',
      eventType: '*',
      endpointId: live.id,
      conditions: null,
      createdAt,
    };
    await store.createTrigger({ id: newId('trg'), ...trigger });
  }
  await store.close();
  writePile(join(dataDir, DATABASE_FILE), pile, endpoints);
  return await openStore({ dataDir, defaultEndpoint: null });
}

function writePile(
  file: string,
  { waiting, settled, log }: Pile,
  endpoints: readonly { id: string; due: string }[],
): void {
  const db = new Database(file);
  // Nothing here has to survive a crash, and indexes are made faster at once than row by row.
  db.pragma('journal_mode = off');
  db.pragma('synchronous = off');
  const indexes = db
    .prepare(
      `select name, sql from sqlite_schema
        where type = 'index' and sql is not null and tbl_name in ('jobs', 'events')`,
    )
    .all() as { name: string; sql: string }[];
  for (const { name } of indexes) db.exec(`drop index ${name}`);
  const now = Date.now();
  const [live] = endpoints;
  if (live && settled.calls > 0) {
    const { calls, deliveries: eventsPerCall } = settled;
    const count = calls * eventsPerCall;
    insertCalls(db, { prefix: 'old', calls, eventsPerCall, endedAt: now - 24 * HOUR_MS });
    insertJobs(db, {
      prefix: 'old',
      count,
      eventsPerCall,
      target: live.id,
      due: ':now',
      index: 99,
    });
    db.exec(`update jobs set state = 'done', attempts = 1, last_status = 200`);
    db.exec(
      `insert into attempts (job_id, attempt, at, duration_ms, status, response)
        select id, 1, created_at, 2, 200, '{"ok":true}' from jobs`,
    );
  }
  if (waiting > 0) {
    const count = Math.ceil(waiting / endpoints.length);
    const calls = Math.ceil(count / EVENTS_PER_CALL);
    insertCalls(db, { prefix: 'new', calls, eventsPerCall: EVENTS_PER_CALL, endedAt: now });
    for (const [index, { id: target, due }] of endpoints.entries()) {
      insertJobs(db, { prefix: 'new', count, eventsPerCall: EVENTS_PER_CALL, target, due, index });
      log(`backlog: ${(index + 1) * count} of ${waiting} deliveries are written`);
    }
  }
  for (const { sql } of indexes) db.exec(sql);
  log(`backlog: ${waiting} deliveries wait`);
  db.pragma('journal_mode = wal');
  db.close();
}

const NUMBERS = `with recursive numbers (n) as (
  select 0 union all select n + 1 from numbers where n + 1 < :count
)`;

function insertCalls(
  db: Database.Database,
  calls: { prefix: string; calls: number; eventsPerCall: number; endedAt: number },
): void {
  const { prefix, eventsPerCall, endedAt } = calls;
  db.prepare(
    `insert into calls (id, direction, state, to_number, agent_id, room, metadata, context, sequence,
        transcript_sequence, lease, lease_until, created_at, ended_at, end_reason)
      ${NUMBERS} select printf('call_%s%023d', :prefix, n), 'inbound', 'ended', '+15550105001', 'bench',
        'bench', '{}', 'none', :eventsPerCall, 0, 1, :endedAt, :endedAt, :endedAt, 'caller_hung_up'
        from numbers`,
  ).run({ count: calls.calls, prefix, eventsPerCall, endedAt });
  db.prepare(
    `insert into events (id, call_id, sequence, type, time, body)
      ${NUMBERS} select printf('evt_%s%023d', :prefix, n),
        printf('call_%s%023d', :prefix, n / :eventsPerCall), n % :eventsPerCall + 1,
        'intent.recorded', :endedAt, :body from numbers`,
  ).run({
    count: calls.calls * eventsPerCall,
    prefix,
    eventsPerCall,
    endedAt,
    body: JSON.stringify({ data: 'x'.repeat(BODY_BYTES) }),
  });
}

/** One for each event, of all or of the first `count`. */
function insertJobs(
  db: Database.Database,
  jobs: {
    prefix: string;
    count: number;
    eventsPerCall: number;
    target: string;
    due: string;
    index: number;
  },
): void {
  const { due, ...values } = jobs;
  const now = Date.now();
  db.prepare(
    `insert into jobs (id, kind, target, state, call_id, event_id, body, next_at, created_at, sequence)
      ${NUMBERS} select printf('dlv_%02d%024d', :index, n), 'webhook', :target, 'waiting',
        printf('call_%s%023d', :prefix, n / :eventsPerCall), printf('evt_%s%023d', :prefix, n), '{}',
        cast(${due} as integer), :now, n % :eventsPerCall + 1
        from numbers where :later is not null`,
  ).run({ ...values, now, later: now + 10 * HOUR_MS });
}
