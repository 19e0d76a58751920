import type { Transaction } from 'kysely';
import { contactByPhone, getContact, insertContact, NOBODY, wasOurs } from './contacts.ts';
import { prepared } from './prepared.ts';
import type { Tables } from './schema.ts';
import type { CallRecord } from './store.ts';

/** Ends of calls that never were with the other party: the gate, the trunk or we were against them. */
const NEVER_REACHED: readonly string[] = [
  'blocked',
  'dial_failed',
  'invalid_number',
  'ended_by_api',
];

/**
 * Counts a completed call with its contact, and keeps when the last one was, how long it lasted and
 * what came of it. To be done in the transaction that completes the call, and only there: that is
 * what makes it once for each call. Who has completed first need not have called last.
 *
 * Whoever was talked to becomes a contact, as with notes; nobody does for having been called in vain.
 */
export async function countCall(
  trx: Transaction<Tables>,
  call: CallRecord,
  now: number,
): Promise<void> {
  if (call.answeredAt === null && NEVER_REACHED.includes(call.endReason ?? '')) return;
  const id = await contactOf(trx, call, now);
  if (id === null) return;
  await countOne(trx, { id });
  await keepAsLast(trx, {
    id,
    at: call.answeredAt ?? call.endedAt ?? now,
    duration: secondsOf(call),
    outcome: call.outcome,
  });
}

const countOne = prepared((db, { id }: { id: string }) =>
  db
    .updateTable('contacts')
    .set(({ eb }) => ({ call_count: eb('call_count', '+', 1) }))
    .where('id', '=', id),
);

interface LastCall extends Pick<CallRecord, 'outcome'> {
  /** Of the contact. */
  id: string;
  at: number;
  /** Seconds. */
  duration: number;
}

const keepAsLast = prepared((db, { id, at, duration, outcome }: LastCall) =>
  db
    .updateTable('contacts')
    .set({ last_call_at: at, last_call_duration: duration, last_outcome: outcome })
    .where('id', '=', id)
    .where(({ or, eb }) => or([eb('last_call_at', 'is', null), eb('last_call_at', '<=', at)])),
);

/** `null` where it is nobody's, or the contact is not there any more. */
async function contactOf(
  trx: Transaction<Tables>,
  { contact, answeredAt }: CallRecord,
  now: number,
): Promise<string | null> {
  const known = contact.id === null ? null : await getContact(trx, contact.id);
  if (known !== null) return known.id;
  if (contact.phone === null) return null;
  const namesake = await contactByPhone(trx, contact.phone);
  if (namesake !== null) return namesake.id;
  if ((contact.id !== null && wasOurs(contact.id)) || answeredAt === null) return null;
  return await insertContact(trx, { ...NOBODY, phone: contact.phone }, now);
}

function secondsOf({ answeredAt, endedAt }: CallRecord): number {
  if (answeredAt === null || endedAt === null) return 0;
  return Math.round(Math.max(0, endedAt - answeredAt) / 1000);
}
