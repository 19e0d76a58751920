import { draftEvent, type EndReason } from '../events/catalogue.ts';
import { newId } from '../ids.ts';
import type { Ledger } from '../ledger/ledger.ts';

/** A call that no agent ever had: the caller was refused, or gave up. */
export interface MissedCall {
  room: string;
  /** E.164; `null` where nobody knows who called. */
  from: string | null;
  to: string;
  /** The profile that would have answered; empty where nobody knows. */
  agentId: string;
  /** What the caller's phone was told. */
  sipStatus: number;
  reason: EndReason;
}

/** What livekit-sip answers when the room is deleted before the answer. */
export const BUSY_HERE = 486;

/** What it answers a caller who gave up (CANCEL). */
export const REQUEST_TERMINATED = 487;

/** Writes the whole record of a missed call: it failed, and it has ended. */
export async function recordMissedCall(ledger: Ledger, missed: MissedCall): Promise<void> {
  const { room, from, to, agentId, sipStatus, reason } = missed;
  const id = newId('call');
  await ledger.append({
    callId: id,
    lease: 1,
    open: {
      id,
      direction: 'inbound',
      from,
      to,
      agentId,
      room,
      metadata: {},
      time: Date.now(),
    },
    events: [
      draftEvent('call.failed', { sip_status: sipStatus, reason }),
      draftEvent('call.ended', { end_reason: reason }),
    ],
  });
}
