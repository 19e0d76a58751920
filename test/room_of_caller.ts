import type { Installation } from '../sim/installation/installation.ts';
import { waitFor } from '../sim/installation/wait_for.ts';

/** The room of the one caller of this installation, as soon as LiveKit has it. */
export function roomOfCaller({ livekit, number }: Installation): Promise<string> {
  const find = async () => {
    for (const { name } of await livekit.rooms.listRooms()) {
      // A room of somebody else may be gone by now.
      const participants = await livekit.rooms.listParticipants(name).catch(() => []);
      const isOurs = participants.some(
        ({ attributes }) => attributes['sip.trunkPhoneNumber'] === number,
      );
      if (isOurs) return name;
    }
    return undefined;
  };
  return waitFor(find, { what: 'the room of the caller' });
}

/** The stack is shared: rooms of other installations come and go. */
export function roomIsGone({ livekit }: Installation, name: string): Promise<true> {
  return waitFor(async () => (await livekit.rooms.listRooms([name])).length === 0, {
    what: `the end of room ${name}`,
  });
}
