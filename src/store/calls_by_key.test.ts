import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CallsByKey } from './calls_by_key.ts';
import { migrate } from './migrations/index.ts';
import { openSqliteConnection } from './sqlite_connection.ts';

const HOUR = 3_600_000;
const NOON = 1_795_600_000_000;

let db: ReturnType<typeof openSqliteConnection>;
let calls: CallsByKey;

beforeEach(async () => {
  db = openSqliteConnection(':memory:');
  await migrate(db);
  calls = new CallsByKey();
});
afterEach(async () => await db.destroy());

let written = 0;

async function write(key: string, createdAt: number, endReason: string | null = null) {
  await db
    .insertInto('calls')
    .values({
      id: `call_${written++}`,
      direction: 'outbound',
      to_number: '+15550100001',
      agent_id: 'front-desk',
      room: 'room',
      state: 'queued',
      metadata: '{}',
      context: 'none',
      sequence: 0,
      transcript_sequence: 0,
      lease: 1,
      lease_until: 0,
      created_at: createdAt,
      api_key_id: key,
      end_reason: endReason,
      provider: 'callwire',
    })
    .execute();
}

const since = (key: string, time: number) =>
  db.transaction().execute((trx) => calls.since(trx, key, time));

describe('CallsByKey', () => {
  it('counts what the database has at the first question, and from then on what it is told', async () => {
    await write('key_a', NOON);
    await write('key_a', NOON + 1);
    await write('key_a', NOON + 2, 'blocked');
    await write('key_a', NOON + 3, 'caller_hung_up');
    await write('key_b', NOON);
    expect(await since('key_a', NOON)).toBe(3);
    expect(await since('key_a', NOON + 1)).toBe(2);
    calls.add('key_a', NOON + 5);
    calls.add('key_a', NOON + 4);
    expect(await since('key_a', NOON + 4)).toBe(2);
    expect(await since('key_b', NOON)).toBe(1);
  });

  it('does not count one that ended blocked, and that one only', async () => {
    for (const time of [NOON, NOON, NOON + 1]) await write('key_a', time);
    expect(await since('key_a', NOON)).toBe(3);
    calls.remove('key_a', NOON);
    expect(await since('key_a', NOON)).toBe(2);
    calls.remove('key_a', NOON + 7);
    calls.remove('key_nobody', NOON);
    expect(await since('key_a', NOON)).toBe(2);
  });

  it('asks the database again when what it keeps may be wrong', async () => {
    await write('key_a', NOON);
    expect(await since('key_a', NOON)).toBe(1);
    calls.add('key_a', NOON + 1);
    calls.forget();
    expect(await since('key_a', NOON)).toBe(1);
  });

  it('has enough for a clock that is set back, and drops what is older', async () => {
    for (let n = 0; n < 1_500; n++) await write('key_a', NOON + n);
    expect(await since('key_a', NOON + 1_000)).toBe(500);
    expect(await since('key_a', NOON)).toBe(1_500);
    expect(await since('key_a', NOON + 1_400 + HOUR)).toBe(0);
    expect(await since('key_a', NOON + 1_400)).toBe(100);
    expect(await since('key_a', NOON - 2 * HOUR)).toBe(1_500);
  });
});
