import { type Kysely, sql, type Transaction } from 'kysely';
import { callFromRow } from './call_row.ts';
import type { Tables } from './schema.ts';
import type { CallRecord, HeldLease } from './store.ts';

/*
 * A call is held by whoever was given its lease number last:
 *
 *     open ─▶ held (1) ──expire, or not renewed──▶ abandoned ──takeOver──▶ held (2) ─▶ …
 *               └──────────────── call.ended ─────────┴──▶ nothing to hold any more
 *
 * The number fences, not the time: a holder whose lease ran out goes on appending until somebody
 * has taken the call over, and is `fenced` from that moment.
 */

/**
 * An outbound call that still waits is held by nobody: see `outbound_store.ts`. Nor is one that
 * another platform runs. Written into the statements, for with bound states SQLite could not use
 * `calls_held_by_lease`.
 */
export const IS_HELD = sql<boolean>`state in ('dialing', 'ringing', 'active')
  and provider = 'callwire'`;

/**
 * A call without a row is not lost: its opening is still on the way. A lease beyond `until` was given
 * before the clock was set back; nobody would sweep its call for as long as the clock was ahead.
 */
export async function renewLeases(
  trx: Transaction<Tables>,
  held: readonly HeldLease[],
  until: number,
): Promise<HeldLease[]> {
  const lost: HeldLease[] = [];
  for (const { callId, lease } of held) {
    const row = await trx
      .selectFrom('calls')
      .select('lease')
      .where('id', '=', callId)
      .executeTakeFirst();
    if (row !== undefined && row.lease !== lease) lost.push({ callId, lease });
    else await setLeaseUntil(trx, { callId, lease }, until);
  }
  await trx
    .updateTable('calls')
    .set({ lease_until: until })
    .where(IS_HELD)
    .where('lease_until', '>', until)
    .execute();
  return lost;
}

export async function expireLeases(
  trx: Transaction<Tables>,
  held: readonly HeldLease[],
  now: number,
): Promise<void> {
  for (const lease of held) await setLeaseUntil(trx, lease, now);
}

export async function heldLeases(db: Kysely<Tables>): Promise<HeldLease[]> {
  return await db.selectFrom('calls').select(['id as callId', 'lease']).where(IS_HELD).execute();
}

/** The longest abandoned first. */
export async function abandonedCalls(
  db: Kysely<Tables>,
  now: number,
  limit: number,
): Promise<CallRecord[]> {
  const rows = await db
    .selectFrom('calls')
    .selectAll()
    .where(IS_HELD)
    .where('lease_until', '<=', now)
    .orderBy('lease_until')
    .limit(limit)
    .execute();
  return rows.map(callFromRow);
}

/** Calls of other platforms that have been silent for too long, the longest first. */
export async function silentCalls(
  db: Kysely<Tables>,
  now: number,
  limit: number,
): Promise<string[]> {
  const rows = await db
    .selectFrom('calls')
    .select('id')
    .where(sql<boolean>`state in ('dialing', 'ringing', 'active') and provider <> 'callwire'`)
    .where('lease_until', '<=', now)
    .orderBy('lease_until')
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}

export async function takeOver(
  db: Kysely<Tables>,
  callId: string,
  now: number,
  leaseMs: number,
): Promise<{ call: CallRecord; lease: number } | null> {
  const row = await db
    .updateTable('calls')
    .set((columns) => ({
      lease: columns('lease', '+', 1),
      lease_until: now + leaseMs,
    }))
    .where('id', '=', callId)
    .where(IS_HELD)
    .where('lease_until', '<=', now)
    .returningAll()
    .executeTakeFirst();
  return row === undefined ? null : { call: callFromRow(row), lease: row.lease };
}

async function setLeaseUntil(
  trx: Transaction<Tables>,
  { callId, lease }: HeldLease,
  until: number,
): Promise<void> {
  await trx
    .updateTable('calls')
    .set({ lease_until: until })
    .where('id', '=', callId)
    .where('lease', '=', lease)
    .where('state', '<>', 'ended')
    .execute();
}
