import { type RoomServiceClient, TwirpError } from 'livekit-server-sdk';
import { describe, expect, it, vi } from 'vitest';
import { deleteRoom, livekitApi } from './livekit_api.ts';

const failing = (error: Error) =>
  ({ deleteRoom: () => Promise.reject(error) }) as unknown as RoomServiceClient;

describe('deleting a room', () => {
  it('is done where the room is gone already', async () => {
    await deleteRoom(failing(new TwirpError('twirp', 'gone', 404, 'not_found')), 'room-1');
  });

  it('fails where LiveKit cannot do it', async () => {
    const denied = new TwirpError('twirp', 'no', 403, 'permission_denied');
    await expect(deleteRoom(failing(denied), 'room-1')).rejects.toBe(denied);
    const broken = new TypeError('fetch failed');
    await expect(deleteRoom(failing(broken), 'room-1')).rejects.toBe(broken);
  });
});

describe('a request about a phone call', () => {
  it('is never sent again by the SDK, not even to another region of LiveKit Cloud', async () => {
    const fetched = vi.spyOn(globalThis, 'fetch').mockRejectedValue(new TypeError('fetch failed'));
    try {
      const { sip } = livekitApi({
        url: 'wss://made-up.livekit.cloud',
        apiKey: 'APItest',
        apiSecret: 'a-made-up-secret',
      });
      await expect(sip.createSipParticipant('ST_1', '+15550100200', 'room')).rejects.toThrow();
      expect(fetched).toHaveBeenCalledTimes(1);
    } finally {
      fetched.mockRestore();
    }
  });
});
