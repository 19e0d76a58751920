import type { Refusal } from '../gate/refusal.ts';
import type { CallRecord } from '../store/store.ts';
import type { AcceptCall, CallRequest } from './call_acceptance.ts';

export type TimelyAcceptance =
  | { status: 'accepted'; call: CallRecord }
  /** What is against it passes: a cap, the spend cap, the kill switch. To be asked again later. */
  | { status: 'not_yet'; code: Refusal['code'] }
  | { status: 'refused'; code: Refusal['code'] };

/** The hours can move on once between two looks, and a clock change once more. */
const LOOKS = 3;

const PASSING: ReadonlySet<Refusal['code']> = new Set([
  'cap_reached',
  'insufficient_balance',
  'public_api_disabled',
]);

/**
 * Accepts a call for which nobody waits, through the same gate as any: where the callee's hours are
 * against it, it is scheduled for when they begin.
 */
export async function acceptInTime(
  accept: AcceptCall,
  request: CallRequest,
): Promise<TimelyAcceptance> {
  let { scheduledFor } = request;
  for (let look = 1; ; look++) {
    const accepted = await accept({ ...request, scheduledFor });
    if (accepted.status === 'accepted' || accepted.status === 'repeated') {
      return { status: 'accepted', call: accepted.call };
    }
    if (accepted.status === 'conflict') throw new Error('only an idempotency key has conflicts');
    const { code, details } = accepted.refusal;
    const opening = code === 'outside_calling_hours' ? details?.nextAllowedAt : null;
    if (typeof opening !== 'string' || look === LOOKS) {
      return { status: PASSING.has(code) ? 'not_yet' : 'refused', code };
    }
    scheduledFor = Date.parse(opening);
  }
}
