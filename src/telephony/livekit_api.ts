import { AgentDispatchClient, RoomServiceClient, SipClient, TwirpError } from 'livekit-server-sdk';

/** How to reach the LiveKit server: Cloud or self-hosted. */
export interface LiveKitAccess {
  /** `ws://`, `wss://`, `http://` or `https://`. */
  url: string;
  apiKey: string;
  apiSecret: string;
}

/** LiveKit's server APIs that a call needs. */
export interface LiveKitApi {
  rooms: RoomServiceClient;
  sip: SipClient;
  dispatch: AgentDispatchClient;
}

/** Seconds. A LiveKit that takes longer than this is treated as unreachable. */
const REQUEST_TIMEOUT_IN_SECONDS = 5;

export function livekitApi(access: LiveKitAccess): LiveKitApi {
  const host = access.url.replace(/^ws/, 'http');
  const options = { requestTimeout: REQUEST_TIMEOUT_IN_SECONDS };
  return {
    rooms: new RoomServiceClient(host, access.apiKey, access.apiSecret, options),
    // With LiveKit Cloud the SDK would send a request that broke off to the next region again,
    // and what was asked for may be to dial: whoever is called twice does not want to be.
    sip: new SipClient(host, access.apiKey, access.apiSecret, { ...options, failover: false }),
    dispatch: new AgentDispatchClient(host, access.apiKey, access.apiSecret, options),
  };
}

/**
 * Deletes the room, which drops every leg in it: 486 to a caller who is still ringing, BYE to one
 * who was answered. A room that is already gone counts as deleted. Rejects when LiveKit cannot be
 * reached.
 */
export async function deleteRoom(rooms: RoomServiceClient, room: string): Promise<void> {
  try {
    await rooms.deleteRoom(room);
  } catch (error) {
    if (error instanceof TwirpError && error.code === 'not_found') return;
    throw error;
  }
}
