import { afterEach, beforeEach, expect, it } from 'vitest';
import { migrate } from './migrations/index.ts';
import { prepared } from './prepared.ts';
import { openSqliteConnection } from './sqlite_connection.ts';

let db: ReturnType<typeof openSqliteConnection>;
let built = 0;

beforeEach(async () => {
  db = openSqliteConnection(':memory:');
  await migrate(db);
});
afterEach(async () => await db.destroy());

const suppress = prepared(
  (one, { phone, id, reason }: { phone: string; id: string; reason: string | null }) => {
    built++;
    return one
      .insertInto('suppressions')
      .values({ phone, id, source: 'api', reason, call_id: null, created_at: 1 });
  },
);

const reasonOf = prepared((one, { phone }: { phone: string }) =>
  one.selectFrom('suppressions').select(['source', 'reason']).where('phone', '=', phone),
);

it('is built once, and executed with the values of each time', async () => {
  const phones = ['+15550100001', '+15550100002', '+15550100003'];
  for (const [n, phone] of phones.entries()) {
    const { numAffectedRows } = await suppress(db, {
      reason: n === 1 ? null : `reason ${n}`,
      id: `sup_${n}`,
      phone,
    });
    expect(numAffectedRows).toBe(1n);
  }
  expect(built).toBe(1);
  const found = await Promise.all(phones.map((phone) => reasonOf(db, { phone })));
  expect(found.map(({ rows }) => rows)).toEqual([
    [{ source: 'api', reason: 'reason 0' }],
    [{ source: 'api', reason: null }],
    [{ source: 'api', reason: 'reason 2' }],
  ]);
});
