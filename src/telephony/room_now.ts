import {
  type AgentDispatch,
  type AgentDispatchClient,
  type ParticipantInfo,
  type RoomServiceClient,
  TwirpError,
} from 'livekit-server-sdk';
import { readSipCaller, type SipCaller } from './sip_participant.ts';

/** A phone in a room, seen from outside. */
export interface PhoneInRoom extends SipCaller {
  /** It was brought there by a dispatch rule: somebody called. */
  inbound: boolean;
}

/** Who is in a room at this moment; nobody where there is no such room. */
export interface RoomNow {
  phones: PhoneInRoom[];
  /** Their identities. A process that was killed is still listed for 20 s. */
  agents: string[];
}

/** A wish for an agent in a room, and who has taken it. */
export interface RoomDispatch {
  id: string;
  agentName: string;
  metadata: string;
  /** Those that a worker runs, as far as LiveKit was told: it does not hear of crashes. */
  jobs: { id: string; agent: string }[];
}

// LiveKit's SDK does not export the enumerations of these types.
const SIP: ParticipantInfo['kind'] = 3;
const AGENT: ParticipantInfo['kind'] = 4;
const JOB_RUNNING = 1;

export async function roomNow(
  rooms: Pick<RoomServiceClient, 'listParticipants'>,
  room: string,
): Promise<RoomNow> {
  const participants = await rooms.listParticipants(room).catch((error: unknown) => {
    if (error instanceof TwirpError && error.code === 'not_found') return [];
    throw error;
  });
  return {
    phones: participants.filter(isPhone).map(readPhone),
    agents: participants.filter(isAgent).map(({ identity }) => identity),
  };
}

/**
 * The dispatches of a room that exists: for one that does not, livekit-server answers 503 after 3 s
 * (1.13), so ask `roomNow` before.
 */
export async function roomDispatches(
  dispatch: Pick<AgentDispatchClient, 'listDispatch'>,
  room: string,
): Promise<RoomDispatch[]> {
  return (await dispatch.listDispatch(room)).map(readDispatch);
}

/** Ids of the jobs that workers have by one dispatch; none where its room is gone. */
export async function jobsOfDispatch(
  livekit: {
    rooms: Pick<RoomServiceClient, 'listRooms'>;
    dispatch: Pick<AgentDispatchClient, 'listDispatch'>;
  },
  room: string,
  dispatchId: string,
): Promise<string[]> {
  if ((await livekit.rooms.listRooms([room])).length === 0) return [];
  const dispatches = await roomDispatches(livekit.dispatch, room);
  const ours = dispatches.find(({ id }) => id === dispatchId);
  return ours?.jobs.map(({ id }) => id) ?? [];
}

export function isPhone({ kind }: Pick<ParticipantInfo, 'kind'>): boolean {
  return kind === SIP;
}

export function isAgent({ kind }: Pick<ParticipantInfo, 'kind'>): boolean {
  return kind === AGENT;
}

export function readPhone(
  participant: Pick<ParticipantInfo, 'identity' | 'attributes'>,
): PhoneInRoom {
  return {
    ...readSipCaller(participant),
    inbound: participant.attributes['sip.ruleID'] !== undefined,
  };
}

function readDispatch({ id, agentName, metadata, state }: AgentDispatch): RoomDispatch {
  const running = (state?.jobs ?? []).filter((job) => job.state?.status === JOB_RUNNING);
  return {
    id,
    agentName,
    metadata,
    jobs: running.map((job) => ({ id: job.id, agent: job.state?.participantIdentity ?? '' })),
  };
}
