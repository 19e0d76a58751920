import { type Insertable, type Kysely, type RawBuilder, sql, type Transaction } from 'kysely';
import { isRevoked } from './api_keys.ts';
import { refused } from './append_refusal.ts';
import { NOTHING_SAID } from './call_derivation.ts';
import { callFromRow } from './call_row.ts';
import type { CallsByKey } from './calls_by_key.ts';
import { type AcceptanceFacts, completeDecision } from './counted_rules.ts';
import {
  CALL_NOT_ALLOWED,
  type CallAcceptance,
  type DialGuard,
  type DiallingFacts,
  type DialTurn,
  IDEMPOTENCY_KEY_KNOWN,
} from './outbound_store.ts';
import { prepared } from './prepared.ts';
import type { IdempotencyKeyTable, Tables } from './schema.ts';
import type { AppendResult, CallOpening } from './store.ts';
import { isSuppressed } from './suppressions.ts';

/** A call that waits to be dialled: held by nobody, and nobody's to sweep. */
export const WAITING_STATES = ['scheduled', 'queued'] as const;

/** See `OutboundStore`. In one statement, for each that is asked costs more than what it looks up. */
export async function acceptanceFacts(
  db: Kysely<Tables>,
  query: AskedAtAcceptance,
): Promise<AcceptanceFacts> {
  const [facts] = (await factsAtAcceptance(db, query)).rows as [AcceptanceFacts];
  return { ...facts, suppressed: Boolean(facts.suppressed) };
}

interface AskedAtAcceptance {
  to: string;
  apiKeyId: string;
  since: number;
}

const factsAtAcceptance = prepared<AskedAtAcceptance, AcceptanceFacts>(
  (_, asked) => sql`
    select ${countedAtAcceptance(asked)},
      (${callsByKey(asked.apiKeyId, asked.since)}) as "callsByKey"
  `,
);

/** And whether the idempotency key has made a call; what the key has asked for is kept (`CallsByKey`). */
const judgedAtAcceptance = prepared<
  AskedAtAcceptance & { key: string },
  Omit<AcceptanceFacts, 'callsByKey'> & { keyKnown: number }
>(
  (_, { key, ...asked }) => sql`
    select ${countedAtAcceptance(asked)}, exists (
      select 1 from idempotency_keys
        where key_id = ${asked.apiKeyId} and key = ${key} and created_at >= ${asked.since}
    ) as "keyKnown"
  `,
);

function countedAtAcceptance({ to, since }: Pick<AskedAtAcceptance, 'to' | 'since'>) {
  return sql`
    exists (select 1 from suppressions where phone = ${to}) as "suppressed",
    (${callsToNumber(to, since)}) as "callsToNumber",
    (${spentMicrousd(since)}) as "spentMicrousd"
  `;
}

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

/**
 * In the transaction that opens the call, before its row is written: the opening with the gate's decision, or
 * why there will be no call.
 */
export async function judgeAcceptance(
  trx: Transaction<Tables>,
  opening: CallOpening,
  { apiKeyId, idempotency, since, decision, limits }: CallAcceptance,
  calls: CallsByKey,
): Promise<CallOpening | Extract<AppendResult, { status: 'refused' }>> {
  // No key is empty.
  const key = idempotency?.key ?? '';
  const { rows } = await judgedAtAcceptance(trx, { to: opening.to, apiKeyId, since, key });
  const [{ keyKnown, suppressed, ...counted }] = rows as [(typeof rows)[number]];
  if (keyKnown) return refused(IDEMPOTENCY_KEY_KNOWN, 'The key has made a call already.');
  const facts = {
    ...counted,
    suppressed: Boolean(suppressed),
    callsByKey: await calls.since(trx, apiKeyId, since),
  };
  const judged = completeDecision(decision, facts, limits);
  if (!judged.allowed) {
    return { ...refused(CALL_NOT_ALLOWED, 'The dial gate refuses the call.'), decision: judged };
  }
  const outbound = { ...(opening.outbound ?? NOTHING_SAID), gate: { acceptance: judged } };
  return { ...opening, outbound };
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
