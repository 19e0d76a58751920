import { toE164 } from '../config/phone_number.ts';
import type { Outcome } from '../events/vocabulary.ts';
import { newId } from '../ids.ts';
import type { SuppressionRecord } from '../store/suppression_store.ts';

/**
 * Which numbers an outcome puts on the suppression list, in the transaction that writes it.
 *
 * Whoever asks not to be called any more is not called, whichever side called this time. A number
 * that belongs to somebody else than we thought is taken off only where we had called it: who calls
 * us by mistake was not on any list of ours, and a caller's number is easily forged.
 */
export function suppressionsBy(completion: {
  outcome: Outcome;
  direction: 'inbound' | 'outbound';
  phone: string | null;
  callId: string;
  /** Milliseconds. */
  time: number;
}): SuppressionRecord[] {
  const { outcome, direction, callId, time } = completion;
  const suppresses = direction === 'outbound' ? OUTBOUND.has(outcome) : outcome === 'DNC';
  const phone = completion.phone === null ? null : toE164(completion.phone);
  if (!suppresses || phone === null) return [];
  return [
    { id: newId('sup', time), phone, source: 'outcome', reason: outcome, callId, createdAt: time },
  ];
}

const OUTBOUND: ReadonlySet<Outcome> = new Set(['DNC', 'NOT_OWNER', 'WRONG_NUMBER']);
