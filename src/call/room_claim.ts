import { z } from 'zod';
import type { LedgerClient } from '../ledger/client.ts';
import type { RequestHandlers } from '../ledger/host_session.ts';
import { processAlive } from '../ledger/process_alive.ts';
import type { CallStore } from '../store/store.ts';
import { roomRef } from '../telephony/room_ref.ts';
import { callOfRoom } from './call_of_room.ts';
import type { LiveCall } from './live_call.ts';

/*
 * A phone call has one record, however many processes it is given to. On a machine that is slow enough
 * a caller is dispatched again while the first process still starts, or is refused, with a record, just
 * before it is there. So a process asks its worker for the room before it opens a call in it:
 *
 *   (free) ── claim ──► claimed by a process ──┬─ it lives ─────────────► taken, for all others
 *                                              └─ it died, no record ───► (free)
 *   the ledger has a call in this room ──────────────────────────────────► taken
 */

const CLAIM = 'rooms.claim';

const claimSchema = z.object({
  callId: z.string(),
  pid: z.number().int().positive(),
  room: z.object({ name: z.string(), sid: z.string(), createdAt: z.number() }),
});

/** A process that has not opened its call by then never will. */
const CLAIM_KEPT_MS = 10 * 60_000;

/** What the worker registers with the ledger's host. */
export function roomClaimRequests(
  store: Pick<CallStore, 'callsOfRoom'>,
  { isAlive = processAlive }: { isAlive?: (pid: number) => boolean } = {},
): RequestHandlers {
  const claims = new Map<string, { callId: string; pid: number }>();
  return {
    [CLAIM]: async (params) => {
      const { callId, pid, room } = claimSchema.parse(params);
      const claim = claims.get(room.sid);
      if (claim && claim.callId !== callId && isAlive(claim.pid)) return { taken: true };
      if (!claim) setTimeout(() => claims.delete(room.sid), CLAIM_KEPT_MS).unref();
      // Before the store is asked: of two processes at once only one finds the room free.
      claims.set(room.sid, { callId, pid });
      const known = await callOfRoom(store, room);
      return { taken: known !== undefined && known.id !== callId };
    },
  };
}

/** The answer is awaited beside the way into the room, and after it no longer than this. */
const LIMIT_MS = 2_000;

/**
 * Whether this inbound call is another's already: then it is neither opened nor recorded here. A worker
 * that does not answer is no reason to refuse a caller. Never rejects.
 */
export async function isAnothers(
  { id, job, log }: Pick<LiveCall, 'id' | 'job' | 'log'>,
  ledger: Pick<LedgerClient, 'request'>,
): Promise<boolean> {
  const params = { callId: id, pid: process.pid, room: roomRef(job.job.room) };
  try {
    const limit = AbortSignal.timeout(LIMIT_MS);
    return (await ledger.request<{ taken: boolean }>(CLAIM, params, limit)).taken;
  } catch (error) {
    log.warn({ err: error }, 'the worker did not say whether somebody has this room');
    return false;
  }
}
