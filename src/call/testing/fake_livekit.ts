import type { LiveKitApi } from '../../telephony/livekit_api.ts';
import type { RoomNotice } from '../../telephony/livekit_webhook.ts';
import type { RoomRef } from '../../telephony/room_ref.ts';

const SIP = 3;
const AGENT = 4;
export const RUNNING = 1;

interface FakeParticipant {
  identity: string;
  kind: number;
  attributes: Record<string, string>;
}

interface FakeJob {
  id: string;
  state: { status: number; participantIdentity: string };
}

export interface FakeDispatch {
  id: string;
  agentName: string;
  metadata: string;
  state: { jobs: FakeJob[] };
}

/** A room with a caller whose call was dispatched and not taken. */
export class FakeCallRoom {
  readonly ref: RoomRef;
  participants: FakeParticipant[] = [];
  dispatches: FakeDispatch[] = [];

  constructor(ref: RoomRef) {
    this.ref = ref;
  }

  phone(identity = 'sip_1', attributes: Record<string, string> = {}): void {
    this.participants.push({
      identity,
      kind: SIP,
      attributes: {
        'sip.callID': 'SCL_1',
        'sip.ruleID': 'SDR_1',
        'sip.phoneNumber': '+15550100001',
        'sip.trunkPhoneNumber': '+15550100000',
        ...attributes,
      },
    });
  }

  agent(job: string): void {
    this.participants.push({ identity: `agent-${job}`, kind: AGENT, attributes: {} });
  }

  leave(identity: string): void {
    this.participants = this.participants.filter((one) => one.identity !== identity);
  }

  dispatch(agentName: string, metadata = ''): FakeDispatch {
    const id = `AD_${this.dispatches.length + 1}`;
    const dispatch = { id, agentName, metadata, state: { jobs: [] } };
    this.dispatches.push(dispatch);
    return dispatch;
  }

  /** A worker takes a dispatch. */
  take(job: string, dispatch = this.dispatches[0], status = RUNNING): void {
    dispatch?.state.jobs.push({ id: job, state: { status, participantIdentity: `agent-${job}` } });
  }
}

/** The rooms and dispatches of a LiveKit, in memory. */
export class FakeLiveKit {
  readonly rooms = new Map<string, FakeCallRoom>();
  /** What was asked of it, but for looks. */
  readonly asked: string[] = [];
  looks = 0;
  /** So many requests fail first. */
  failures = 0;
  /** So many deletions of rooms fail first. */
  deleteFailures = 0;
  /** What a new dispatch leads to. */
  onDispatch: (room: FakeCallRoom, dispatch: FakeDispatch) => void = () => undefined;
  /** Before who is there is told, with the number of the look. */
  onLook: (look: number) => void = () => undefined;
  #events = 0;

  open(name = 'room-1', createdAt = Date.now() - 1_000): FakeCallRoom {
    const room = new FakeCallRoom({ name, sid: `RM_${name}_${createdAt}`, createdAt });
    this.rooms.set(name, room);
    return room;
  }

  get api(): LiveKitApi {
    return {
      rooms: {
        listRooms: () =>
          this.#answer(() =>
            [...this.rooms.values()].map(({ ref: { name, sid, createdAt } }) => {
              return { name, sid, creationTimeMs: BigInt(createdAt), creationTime: 0n };
            }),
          ),
        listParticipants: (name: string) =>
          this.#answer(() => {
            this.onLook(++this.looks);
            return [...(this.rooms.get(name)?.participants ?? [])];
          }),
        deleteRoom: (name: string) =>
          this.#answer(() => {
            if (this.deleteFailures-- > 0) throw new Error('LiveKit is away');
            this.asked.push(`delete ${name}`);
            this.rooms.delete(name);
          }),
      },
      dispatch: {
        listDispatch: (name: string) =>
          this.#answer(() => {
            const room = this.rooms.get(name);
            if (!room) throw new Error('no response from servers');
            return structuredClone(room.dispatches);
          }),
        createDispatch: (name: string, agent: string, { metadata }: { metadata: string }) =>
          this.#answer(() => {
            this.asked.push(`dispatch ${name} to ${agent}${metadata && ` with ${metadata}`}`);
            const room = this.rooms.get(name);
            if (room) this.onDispatch(room, room.dispatch(agent, metadata));
          }),
      },
    } as unknown as LiveKitApi;
  }

  joined(room: FakeCallRoom, identity = 'sip_1'): RoomNotice {
    return this.#notice('participant_joined', room, identity);
  }

  left(
    room: FakeCallRoom,
    identity: string,
    departure: NonNullable<RoomNotice['participant']>['departure'] = 'hung_up',
  ): RoomNotice {
    const notice = this.#notice('participant_left', room, identity);
    room.leave(identity);
    return { ...notice, participant: notice.participant && { ...notice.participant, departure } };
  }

  finished(room: FakeCallRoom): RoomNotice {
    this.rooms.delete(room.ref.name);
    return this.#notice('room_finished', room, undefined);
  }

  #notice(event: string, { ref, participants }: FakeCallRoom, identity?: string): RoomNotice {
    const id = `EV_${++this.#events}`;
    const one = participants.find((participant) => participant.identity === identity);
    if (!one) return { id, event, room: ref, participant: null };
    const departure = 'hung_up' as const;
    if (one.kind === AGENT) {
      const agent = { kind: 'agent', identity: one.identity, departure } as const;
      return { id, event, room: ref, participant: agent };
    }
    const phone = {
      identity: one.identity,
      from: one.attributes['sip.phoneNumber'] ?? null,
      to: one.attributes['sip.trunkPhoneNumber'] ?? '',
      sipCallId: one.attributes['sip.callID'] ?? null,
      headers: {},
      inbound: one.attributes['sip.ruleID'] !== undefined,
    };
    return { id, event, room: ref, participant: { kind: 'phone', phone, departure } };
  }

  #answer<T>(answer: () => T): Promise<T> {
    if (this.failures > 0) {
      this.failures--;
      return Promise.reject(new Error('LiveKit is away'));
    }
    return Promise.resolve().then(answer);
  }
}
