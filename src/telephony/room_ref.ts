import type { Room } from 'livekit-server-sdk';

/** A room of LiveKit. */
export interface RoomRef {
  name: string;
  /** `RM_…`: what tells it from another room of the same name. */
  sid: string;
  /** Milliseconds, by LiveKit's clock. */
  createdAt: number;
}

/**
 * From a room as LiveKit's API, its webhooks and its jobs show it. In a call process, which is given
 * its job as JSON, the times are strings.
 */
export function roomRef(
  room: Pick<Room, 'name' | 'sid' | 'creationTime' | 'creationTimeMs'> | undefined,
): RoomRef {
  if (!room) return { name: '', sid: '', createdAt: 0 };
  const { name, sid, creationTime, creationTimeMs } = room;
  // Older servers tell it in seconds only.
  return { name, sid, createdAt: Number(creationTimeMs ?? 0) || Number(creationTime) * 1_000 };
}
