import { type Kysely, sql, type Transaction } from 'kysely';
import { isRevoked } from './api_keys.ts';
import { refused } from './append_refusal.ts';
import { callFromRow } from './call_row.ts';
import type {
  CallAcceptance,
  DialGuard,
  DialTurn,
  GateFacts,
  GuardCode,
} from './outbound_store.ts';
import type { Tables } from './schema.ts';
import type { AppendResult, CallOpening } from './store.ts';
import { isSuppressed } from './suppressions.ts';

/** A call that waits to be dialled: held by nobody, and nobody's to sweep. */
export const WAITING_STATES = ['scheduled', 'queued'] as const;

/** See `OutboundStore.gateFacts`. What is not asked for is not counted. */
export async function gateFacts(
  db: Kysely<Tables>,
  query: { to: string; apiKeyId: string | null; since: number },
): Promise<GateFacts> {
  return {
    suppressed: await isSuppressed(db, query.to),
    callsToNumber: await callsToNumber(db, query.to, query.since),
    dialledToNumber: await dialledToNumber(db, query.to, query.since),
    callsByKey: query.apiKeyId === null ? 0 : await callsByKey(db, query.apiKeyId, query.since),
    keyRevoked: query.apiKeyId !== null && (await isRevoked(db, query.apiKeyId)),
    spentMicrousd: await spentMicrousd(db, query.since),
  };
}

/** In the transaction that opens the call, before its row is written. `null`: it may be opened. */
export async function refusalOfAcceptance(
  trx: Transaction<Tables>,
  opening: CallOpening,
  { apiKeyId, idempotency, guard }: CallAcceptance,
): Promise<AppendResult | null> {
  const not = (code: GuardCode, message: string) => refused(code, message);
  if (idempotency !== null) {
    const known = await findIdempotent(trx, { apiKeyId, key: idempotency.key, since: guard.since });
    if (known !== null) return not('IDEMPOTENCY_KEY_KNOWN', 'The key has made a call already.');
  }
  if (await isSuppressed(trx, opening.to)) {
    return not('CALL_SUPPRESSED', 'The number is on the suppression list.');
  }
  const { since } = guard;
  if (
    guard.callsToNumber !== null &&
    (await callsToNumber(trx, opening.to, since)) >= guard.callsToNumber
  ) {
    return not('CALLS_TO_NUMBER', 'The number has had its calls.');
  }
  if (guard.callsByKey !== null && (await callsByKey(trx, apiKeyId, since)) >= guard.callsByKey) {
    return not('CALLS_BY_KEY', 'The key has made its calls.');
  }
  if (guard.spentMicrousd !== null && (await spentMicrousd(trx, since)) >= guard.spentMicrousd) {
    return not('SPEND_CAP', 'The spend cap is reached.');
  }
  return null;
}

/** In the transaction that begins to dial the call. `null`: it may be dialled. */
export async function refusalOfDialling(
  trx: Transaction<Tables>,
  to: string,
  guard: DialGuard | undefined,
): Promise<AppendResult | null> {
  if (await isSuppressed(trx, to)) {
    return refused('CALL_SUPPRESSED', 'The number has been put on the suppression list.');
  }
  if (guard === undefined) return null;
  const { since, dialledToNumber: mostCalls, spentMicrousd: mostSpent } = guard;
  if (mostCalls !== null && (await dialledToNumber(trx, to, since)) >= mostCalls) {
    return refused('CALLS_TO_NUMBER', 'The number has been dialled as often as it may.');
  }
  if (mostSpent !== null && (await spentMicrousd(trx, since)) >= mostSpent) {
    return refused('SPEND_CAP', 'The spend cap is reached.');
  }
  return null;
}

/** Behind the call's row. A key that was remembered for longer than it counts is replaced. */
export async function rememberIdempotency(
  trx: Transaction<Tables>,
  callId: string,
  { apiKeyId, idempotency }: CallAcceptance,
  now: number,
): Promise<void> {
  if (idempotency === null) return;
  const row = { body_hash: idempotency.bodyHash, call_id: callId, created_at: now };
  await trx
    .insertInto('idempotency_keys')
    .values({ key_id: apiKeyId, key: idempotency.key, ...row })
    .onConflict((conflict) => conflict.columns(['key_id', 'key']).doUpdateSet(row))
    .execute();
}

export async function findIdempotent(
  db: Kysely<Tables>,
  query: { apiKeyId: string; key: string; since: number },
): Promise<{ callId: string; bodyHash: string } | null> {
  const row = await db
    .selectFrom('idempotency_keys')
    .select(['call_id', 'body_hash'])
    .where('key_id', '=', query.apiKeyId)
    .where('key', '=', query.key)
    .where('created_at', '>=', query.since)
    .executeTakeFirst();
  return row === undefined ? null : { callId: row.call_id, bodyHash: row.body_hash };
}

/** See `OutboundStore.takeForDialling`. */
export async function takeForDialling(
  trx: Transaction<Tables>,
  callId: string,
  now: number,
  leaseMs: number,
): Promise<DialTurn> {
  const row = await trx
    .updateTable('calls')
    .set((columns) => ({
      state: 'queued',
      lease: columns('lease', '+', 1),
      lease_until: now + leaseMs,
    }))
    .where('id', '=', callId)
    .where('direction', '=', 'outbound')
    .where('state', 'in', WAITING_STATES)
    .returningAll()
    .executeTakeFirst();
  if (row !== undefined) return { status: 'taken', call: callFromRow(row), lease: row.lease };
  const other = await trx
    .selectFrom('calls')
    .selectAll()
    .where('id', '=', callId)
    .executeTakeFirst();
  if (other === undefined) return { status: 'unknown' };
  return other.state === 'ended'
    ? { status: 'ended' }
    : { status: 'begun', call: callFromRow(other) };
}

export async function recordGate(
  trx: Transaction<Tables>,
  callId: string,
  gate: Record<string, unknown>,
): Promise<void> {
  await trx
    .updateTable('calls')
    .set({ gate: JSON.stringify(gate) })
    .where('id', '=', callId)
    .execute();
}

/*
 * The gate counts what we dialled: calls that another platform reports have its own rules behind them,
 * and their cost is on its bill.
 */

/** A call that the gate blocked never rang, so it is none of the number's calls. */
async function callsToNumber(db: Kysely<Tables>, to: string, since: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from calls
      where direction = 'outbound' and to_number = ${to} and created_at >= ${since}
        and end_reason is not 'blocked' and provider = 'callwire'
  `.execute(db);
  return rows[0]?.count ?? 0;
}

/** Its `call.started` is committed before the phone rings. */
async function dialledToNumber(db: Kysely<Tables>, to: string, since: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from calls
      where direction = 'outbound' and to_number = ${to} and provider = 'callwire' and exists (
        select 1 from events
          where call_id = calls.id and type = 'call.started' and time >= ${since}
      )
  `.execute(db);
  return rows[0]?.count ?? 0;
}

async function callsByKey(db: Kysely<Tables>, apiKeyId: string, since: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from calls
      where api_key_id = ${apiKeyId} and created_at >= ${since} and end_reason is not 'blocked'
  `.execute(db);
  return rows[0]?.count ?? 0;
}

async function spentMicrousd(db: Kysely<Tables>, since: number): Promise<number> {
  const { rows } = await sql<{ spent: number | null }>`
    select sum(cost_microusd) as spent from calls
      where cost_microusd is not null and ended_at >= ${since} and provider = 'callwire'
  `.execute(db);
  return rows[0]?.spent ?? 0;
}
