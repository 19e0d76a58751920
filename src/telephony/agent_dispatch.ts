import {
  type AgentDispatchClient,
  RoomAgentDispatch,
  type RoomServiceClient,
} from 'livekit-server-sdk';
import { roomDispatches } from './room_now.ts';

/**
 * Makes a room and has an agent come to it; resolves with the dispatch's id.
 *
 * Made with its agent, for `createDispatch` makes the room as well, but then speaks to it over Redis: a
 * busy livekit-server (1.13) may say it before it listens there, waits for 1 s, and says it again. On two
 * busy cores 29 of 300 agents came that late, and their phones rang late; of 300 made with the room none.
 *
 * Only a new room brings the agents that it was asked with: where it was there, as after a request whose
 * answer was lost, the agent is sent for.
 */
export async function dispatchToNewRoom(
  livekit: {
    rooms: Pick<RoomServiceClient, 'createRoom'>;
    dispatch: Pick<AgentDispatchClient, 'listDispatch' | 'createDispatch'>;
  },
  room: string,
  { agentName, metadata }: { agentName: string; metadata: string },
): Promise<string> {
  const agents = [new RoomAgentDispatch({ agentName, metadata })];
  await livekit.rooms.createRoom({ name: room, agents });
  const dispatches = await roomDispatches(livekit.dispatch, room);
  const ours = dispatches.find((one) => one.agentName === agentName && one.metadata === metadata);
  return (ours ?? (await livekit.dispatch.createDispatch(room, agentName, { metadata }))).id;
}
