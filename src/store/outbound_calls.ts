import { type Insertable, type Kysely, type RawBuilder, sql, type Transaction } from 'kysely';
import { isRevoked } from './api_keys.ts';
import { refused } from './append_refusal.ts';
import { callFromRow } from './call_row.ts';
import type {
  AcceptanceFacts,
  CallAcceptance,
  DialGuard,
  DiallingFacts,
  DialTurn,
  GuardCode,
} from './outbound_store.ts';
import { prepared } from './prepared.ts';
import type { IdempotencyKeyTable, Tables } from './schema.ts';
import type { AppendResult, CallOpening } from './store.ts';
import { isSuppressed } from './suppressions.ts';

/** A call that waits to be dialled: held by nobody, and nobody's to sweep. */
export const WAITING_STATES = ['scheduled', 'queued'] as const;

/**
 * See `OutboundStore`. In one statement, for each that is asked costs more than what it looks up; what
 * is not `wanted` is not counted, and 0.
 */
export async function acceptanceFacts(
  db: Kysely<Tables>,
  { to, apiKeyId, since }: { to: string; apiKeyId: string; since: number },
  wanted: Wanted = { callsToNumber: true, callsByKey: true, spentMicrousd: true },
): Promise<AcceptanceFacts> {
  const { rows } = await factsAtAcceptance(db, {
    to,
    apiKeyId,
    since,
    ofNumber: Number(wanted.callsToNumber),
    ofKey: Number(wanted.callsByKey),
    ofSpending: Number(wanted.spentMicrousd),
  });
  const [facts] = rows as [AcceptanceFacts];
  return { ...facts, suppressed: Boolean(facts.suppressed) };
}

interface AskedAtAcceptance {
  to: string;
  apiKeyId: string;
  since: number;
  /** What is wanted is 1, all else 0. */
  ofNumber: number;
  ofKey: number;
  ofSpending: number;
}

const factsAtAcceptance = prepared<AskedAtAcceptance, AcceptanceFacts>((_, asked) => {
  const { to, apiKeyId, since, ofNumber, ofKey, ofSpending } = asked;
  const counted = (isWanted: number, query: RawBuilder<number>) =>
    sql<number>`case when ${isWanted} then (${query}) else 0 end`;
  return sql<AcceptanceFacts>`
    select exists (select 1 from suppressions where phone = ${to}) as "suppressed",
      ${counted(ofNumber, callsToNumber(to, since))} as "callsToNumber",
      ${counted(ofKey, callsByKey(apiKeyId, since))} as "callsByKey",
      ${counted(ofSpending, spentMicrousd(since))} as "spentMicrousd"
  `;
});

type Wanted = Record<'callsToNumber' | 'callsByKey' | 'spentMicrousd', boolean>;

/** See `OutboundStore`. */
export async function diallingFacts(
  db: Kysely<Tables>,
  { to, apiKeyId, since }: { to: string; apiKeyId: string | null; since: number },
): Promise<DiallingFacts> {
  return {
    suppressed: await isSuppressed(db, to),
    dialledToNumber: await one(db, dialledToNumber(to, since)),
    keyRevoked: apiKeyId !== null && (await isRevoked(db, apiKeyId)),
    spentMicrousd: await one(db, spentMicrousd(since)),
  };
}

/** In the transaction that opens the call, before its row is written. `null`: it may be opened. */
export async function refusalOfAcceptance(
  trx: Transaction<Tables>,
  opening: CallOpening,
  { apiKeyId, idempotency, guard }: CallAcceptance,
): Promise<AppendResult | null> {
  const not = (code: GuardCode, message: string) => refused(code, message);
  const { since } = guard;
  if (idempotency !== null) {
    const known = await findIdempotent(trx, { apiKeyId, key: idempotency.key, since });
    if (known !== null) return not('IDEMPOTENCY_KEY_KNOWN', 'The key has made a call already.');
  }
  const query = { to: opening.to, apiKeyId, since };
  const facts = await acceptanceFacts(trx, query, {
    callsToNumber: guard.callsToNumber !== null,
    callsByKey: guard.callsByKey !== null,
    spentMicrousd: guard.spentMicrousd !== null,
  });
  const isReached = (limit: number | null, value: number) => limit !== null && value >= limit;
  if (facts.suppressed) return not('CALL_SUPPRESSED', 'The number is on the suppression list.');
  if (isReached(guard.callsToNumber, facts.callsToNumber)) {
    return not('CALLS_TO_NUMBER', 'The number has had its calls.');
  }
  if (isReached(guard.callsByKey, facts.callsByKey)) {
    return not('CALLS_BY_KEY', 'The key has made its calls.');
  }
  if (isReached(guard.spentMicrousd, facts.spentMicrousd)) {
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
  if (mostCalls !== null && (await one(trx, dialledToNumber(to, since))) >= mostCalls) {
    return refused('CALLS_TO_NUMBER', 'The number has been dialled as often as it may.');
  }
  if (mostSpent !== null && (await one(trx, spentMicrousd(since))) >= mostSpent) {
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
  await replaceIdempotencyKey(trx, {
    key_id: apiKeyId,
    key: idempotency.key,
    body_hash: idempotency.bodyHash,
    call_id: callId,
    created_at: now,
  });
}

const replaceIdempotencyKey = prepared(
  (db, { key_id, key, ...row }: Insertable<IdempotencyKeyTable>) =>
    db
      .insertInto('idempotency_keys')
      .values({ key_id, key, ...row })
      .onConflict((conflict) => conflict.columns(['key_id', 'key']).doUpdateSet(row)),
);

export async function findIdempotent(
  db: Kysely<Tables>,
  query: { apiKeyId: string; key: string; since: number },
): Promise<{ callId: string; bodyHash: string } | null> {
  const [row] = (await idempotencyKey(db, query)).rows;
  return row === undefined ? null : { callId: row.call_id, bodyHash: row.body_hash };
}

const idempotencyKey = prepared(
  (db, { apiKeyId, key, since }: { apiKeyId: string; key: string; since: number }) =>
    db
      .selectFrom('idempotency_keys')
      .select(['call_id', 'body_hash'])
      .where('key_id', '=', apiKeyId)
      .where('key', '=', key)
      .where('created_at', '>=', since),
);

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
function callsToNumber(to: string, since: number): RawBuilder<number> {
  return sql<number>`
    select count(*) from calls
      where direction = 'outbound' and to_number = ${to} and created_at >= ${since}
        and end_reason is not 'blocked' and provider = 'callwire'
  `;
}

/** Its `call.started` is committed before the phone rings. */
function dialledToNumber(to: string, since: number): RawBuilder<number> {
  return sql<number>`
    select count(*) from calls
      where direction = 'outbound' and to_number = ${to} and provider = 'callwire' and exists (
        select 1 from events
          where call_id = calls.id and type = 'call.started' and time >= ${since}
      )
  `;
}

function callsByKey(apiKeyId: string, since: number): RawBuilder<number> {
  return sql<number>`
    select count(*) from calls
      where api_key_id = ${apiKeyId} and created_at >= ${since} and end_reason is not 'blocked'
  `;
}

function spentMicrousd(since: number): RawBuilder<number> {
  return sql<number>`
    select coalesce(sum(cost_microusd), 0) from calls
      where cost_microusd is not null and ended_at >= ${since} and provider = 'callwire'
  `;
}

async function one(db: Kysely<Tables>, query: RawBuilder<number>): Promise<number> {
  const { rows } = await sql<{ number: number }>`select (${query}) as "number"`.execute(db);
  return rows[0]?.number ?? 0;
}
