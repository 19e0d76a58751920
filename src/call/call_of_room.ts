import type { CallRecord, CallStore } from '../store/store.ts';
import type { RoomRef } from '../telephony/room_ref.ts';

/** How far the clocks of LiveKit and of a worker may be apart. */
const CLOCKS_DIFFER_MS = 60_000;

/** The call that a room is for; not one of an earlier room of the same name. */
export async function callOfRoom(
  store: Pick<CallStore, 'callsOfRoom'>,
  { name, createdAt }: Pick<RoomRef, 'name' | 'createdAt'>,
): Promise<CallRecord | undefined> {
  const calls = await store.callsOfRoom(name, createdAt - CLOCKS_DIFFER_MS);
  return calls.find(({ endedAt }) => endedAt === null || endedAt >= createdAt);
}
