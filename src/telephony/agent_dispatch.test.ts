import type { CreateOptions } from 'livekit-server-sdk';
import { expect, it } from 'vitest';
import { dispatchToNewRoom } from './agent_dispatch.ts';

const WANTED = { agentName: 'callwire', metadata: 'ticket 2' };

interface Dispatch {
  id: string;
  agentName: string;
  metadata: string;
}

/** As livekit-server 1.13 does it: a room that is there keeps to the agents that it was made with. */
function fakeLiveKit(rooms = new Map<string, Dispatch[]>()) {
  const asked: string[] = [];
  let count = 0;
  const dispatchOf = ({ agentName, metadata }: Omit<Dispatch, 'id'>) => ({
    id: `AD_${++count}`,
    agentName,
    metadata,
  });
  const livekit = {
    rooms: {
      createRoom: ({ name, agents = [] }: CreateOptions) => {
        asked.push('create room');
        if (!rooms.has(name)) rooms.set(name, agents.map(dispatchOf));
        return Promise.resolve({});
      },
    },
    dispatch: {
      listDispatch: (name: string) => Promise.resolve([...(rooms.get(name) ?? [])]),
      createDispatch: (name: string, agentName: string, { metadata }: { metadata: string }) => {
        asked.push('create dispatch');
        const made = dispatchOf({ agentName, metadata });
        rooms.get(name)?.push(made);
        return Promise.resolve(made);
      },
    },
  } as unknown as Parameters<typeof dispatchToNewRoom>[0];
  return { livekit, rooms, asked };
}

// livekit-server said `createDispatch` to a room that did not listen yet, and again 1 s later: on a busy
// machine one phone of ten rang that late.
it('makes a room with its agent in it, and sends for none', async () => {
  const { livekit, rooms, asked } = fakeLiveKit();
  expect(await dispatchToNewRoom(livekit, 'room-1', WANTED)).toBe('AD_1');
  expect(asked).toEqual(['create room']);
  expect(rooms.get('room-1')).toEqual([{ id: 'AD_1', ...WANTED }]);
});

// A room whose making was answered too late is there at the next attempt, with the ticket of the one before.
it('sends for the agent where the room was there', async () => {
  const before = { id: 'AD_0', agentName: 'callwire', metadata: 'ticket 1' };
  const { livekit, rooms, asked } = fakeLiveKit(new Map([['room-1', [before]]]));
  expect(await dispatchToNewRoom(livekit, 'room-1', WANTED)).toBe('AD_1');
  expect(asked).toEqual(['create room', 'create dispatch']);
  expect(rooms.get('room-1')).toEqual([before, { id: 'AD_1', ...WANTED }]);
});
