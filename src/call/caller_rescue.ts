import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { CallRecord, CallStore } from '../store/store.ts';
import { deleteRoom, type LiveKitApi } from '../telephony/livekit_api.ts';
import {
  type PhoneInRoom,
  type RoomDispatch,
  roomDispatches,
  roomNow,
} from '../telephony/room_now.ts';
import type { RoomRef } from '../telephony/room_ref.ts';
import type { Departure } from '../telephony/sip_participant.ts';
import type { Admission } from './admission.ts';
import { callOfRoom } from './call_of_room.ts';
import { REQUEST_TERMINATED } from './missed_call.ts';
import { transferUnderWay } from './transfer_under_way.ts';

export interface RescueTiming {
  /** For a worker to take a caller who was dispatched again. (Default: 2 s) */
  againMs: number;
  /** For a process that has lost its room to end the call itself. (Default: 10 s) */
  leaveMs: number;
  /** For what is on its way when a caller gives up: a job, a record. (Default: 1 s) */
  settleMs: number;
}

const TIMING: RescueTiming = { againMs: 2_000, leaveMs: 10_000, settleMs: 1_000 };

/** A transfer whose outcome is unknown after so many looks, each `leaveMs` apart, is over: REFER gets 30 s. */
const TRANSFER_LOOKS = 4;

/** A room that is looked after, and what is known of it that LiveKit does not tell. */
export interface WatchedRoom extends RoomRef {
  /** Agents (by identity) and jobs (by id) that are no more: LiveKit lists their jobs as running. */
  gone: Set<string>;
  dispatchedAgain: boolean;
}

export interface RescueOptions {
  livekit: Pick<LiveKitApi, 'rooms' | 'dispatch'>;
  /** LIVEKIT_AGENT_NAME: calls that are dispatched to it are ours. */
  agentName: string;
  /** Dialled numbers that are ours, E.164, whoever their calls are dispatched to. */
  numbers: () => readonly string[];
  store: Pick<CallStore, 'callsOfRoom' | 'listCallEvents' | 'listFacts'>;
  admission: Pick<Admission, 'serves' | 'refuse'>;
  /** Brings a call that nobody holds to its end; `false` where somebody may hold it. */
  endUnheld: (call: CallRecord) => Promise<boolean>;
  log: Logger;
  timing?: Partial<RescueTiming>;
}

/** A caller who has left, and how. */
export interface DepartedCaller {
  phone: PhoneInRoom;
  departure: Departure;
}

/** Who is there for a caller. */
type Sight =
  /** No caller waits there, or none of ours. */
  | { kind: 'nobody' }
  /** A job has the room. */
  | { kind: 'taken' }
  /** The ledger has the call. */
  | { kind: 'recorded'; call: CallRecord; agents: string[] }
  | { kind: 'alone'; phone: PhoneInRoom; dispatches: RoomDispatch[] };

/**
 * What is done for a caller, decided by what LiveKit and the ledger say now (`watchdog.ts` draws it).
 * Everything rejects when LiveKit or the store cannot be asked, and may then be tried again.
 */
export class CallerRescue {
  readonly #options: RescueOptions;
  readonly #timing: RescueTiming;

  constructor(options: RescueOptions) {
    this.#options = options;
    this.#timing = { ...TIMING, ...options.timing };
  }

  /**
   * Sees to it that a caller has an agent, or is told that there is none. Resolves with whether the
   * caller is still there, looked after by somebody.
   */
  async attend(room: WatchedRoom, signal: AbortSignal): Promise<boolean> {
    let sight = await this.#look(room);
    if (sight.kind === 'alone' && !room.dispatchedAgain && sight.dispatches.length < 2) {
      await this.#dispatchAgain(room, sight.dispatches[0]);
      if (!(await pause(this.#timing.againMs, signal))) return true;
      sight = await this.#look(room);
    }
    if (signal.aborted) return true;
    switch (sight.kind) {
      case 'alone':
        return !(await this.#refuse(room, sight));
      case 'recorded':
        return await this.#leaveToLedger(room, sight, signal);
      default:
        return sight.kind === 'taken';
    }
  }

  /** A caller has left: if no job ever had them, nobody else writes of it. */
  async callerLeft(
    room: WatchedRoom,
    { phone, departure }: DepartedCaller,
    signal: AbortSignal,
  ): Promise<void> {
    const { livekit, admission, log } = this.#options;
    if (admission.serves(room) || !(await pause(this.#timing.settleMs, signal))) return;
    if (await this.#callIn(room)) return;
    const { phones } = await roomNow(livekit.rooms, room.name);
    // A phone that a reconnect takes out and puts back has not given up.
    if (phones.length > 0) {
      await this.attend(room, signal);
      return;
    }
    // LiveKit keeps a room for 20 s after its last phone; one that is gone by now was deleted by
    // somebody who writes the record.
    const dispatches = await roomDispatches(livekit.dispatch, room.name).catch(() => null);
    const ours = dispatches && this.#ours(dispatches, phone);
    if (!ours || isTaken(room, ours)) return;
    if (departure === 'given_up') {
      await this.#refuse(room, { phone, dispatches: ours });
      return;
    }
    const gaveUp = { reason: 'caller_hung_up', sipStatus: REQUEST_TERMINATED } as const;
    if (await admission.refuse(room, { ...gaveUp, caller: phone })) {
      log.info({ room: room.sid }, 'a caller gave up before any worker had taken the call');
    }
  }

  /** A room is finished: closes what its worker did not. */
  async finished(room: RoomRef): Promise<void> {
    const call = await this.#callIn(room);
    if (!call || call.state === 'ended' || !(await this.#options.endUnheld(call))) return;
    this.#options.log.warn(
      { call: call.id, room: room.sid },
      'the room of a call that nobody holds is finished: the sweep ends it',
    );
  }

  async #look(room: WatchedRoom): Promise<Sight> {
    const { livekit, admission } = this.#options;
    const { phones, agents } = await roomNow(livekit.rooms, room.name);
    const [phone, another] = phones;
    // Two phones have each other.
    if (!phone?.inbound || another) return { kind: 'nobody' };
    const call = await this.#callIn(room);
    if (call) {
      const present = agents.filter((identity) => !room.gone.has(identity));
      return { kind: 'recorded', call, agents: present };
    }
    const dispatches = this.#ours(await roomDispatches(livekit.dispatch, room.name), phone);
    if (!dispatches) return { kind: 'nobody' };
    if (admission.serves(room) || isTaken(room, dispatches)) return { kind: 'taken' };
    return { kind: 'alone', phone, dispatches };
  }

  #callIn(room: RoomRef): Promise<CallRecord | undefined> {
    return callOfRoom(this.#options.store, room);
  }

  /** The dispatches that a caller of ours waits for; `null` for callers of somebody else. */
  #ours(all: RoomDispatch[], phone: PhoneInRoom): RoomDispatch[] | null {
    const named = all.filter(({ agentName }) => agentName === this.#options.agentName);
    if (named.length > 0) return named;
    return this.#options.numbers().includes(phone.to) ? all : null;
  }

  async #dispatchAgain(room: WatchedRoom, first: RoomDispatch | undefined): Promise<void> {
    const { livekit, log, agentName } = this.#options;
    const agent = first?.agentName || agentName;
    log.warn(
      { room: room.sid, agent, ...(agent !== agentName && { registered_as: agentName }) },
      'no worker has taken a caller: dispatched again',
    );
    await livekit.dispatch.createDispatch(room.name, agent, { metadata: first?.metadata ?? '' });
    room.dispatchedAgain = true;
  }

  async #refuse(
    room: WatchedRoom,
    { phone, dispatches }: { phone: PhoneInRoom; dispatches: readonly RoomDispatch[] },
  ): Promise<boolean> {
    const { admission, log } = this.#options;
    // Jobs of somebody who is alone are jobs of those who are gone.
    const wasTaken = dispatches.some(({ jobs }) => jobs.length > 0);
    const reason = wasTaken ? 'worker_lost' : 'no_capacity';
    const isRefused = await admission.refuse(room, { reason, caller: phone });
    if (isRefused) log.error({ room: room.sid, reason }, 'no worker takes a caller: refused');
    return isRefused;
  }

  /**
   * The ledger has the call, so its process ends it, or the sweep. What is left to do is to free a
   * caller whom both have left alone in the room. Resolves with whether the caller stays.
   */
  async #leaveToLedger(
    room: WatchedRoom,
    sight: Sight & { kind: 'recorded' },
    signal: AbortSignal,
  ): Promise<boolean> {
    const { store, log, endUnheld, livekit } = this.#options;
    const { call } = sight;
    if (call.state !== 'ended') {
      if (await endUnheld(call)) {
        log.warn({ call: call.id, room: room.sid }, 'nobody holds a call: the sweep ends it');
        return false;
      }
      if (sight.agents.length > 0) return true;
      for (let looks = 0; looks < TRANSFER_LOOKS; looks++) {
        if (!(await pause(this.#timing.leaveMs, signal))) return true;
        const now = await this.#look(room);
        if (now.kind !== 'recorded' || now.agents.length > 0) return now.kind !== 'nobody';
        if (now.call.state === 'ended' || !(await transferUnderWay(store, call.id))) break;
      }
    }
    if (signal.aborted) return true;
    log.error({ call: call.id, room: room.sid }, 'a caller was left alone: the room is deleted');
    await deleteRoom(livekit.rooms, room.name);
    return false;
  }
}

/** Whether a worker has one of the jobs. One that ran for an agent who is gone has nobody. */
function isTaken({ gone }: WatchedRoom, dispatches: readonly RoomDispatch[]): boolean {
  return dispatches.some(({ jobs }) =>
    jobs.some(({ id, agent }) => !gone.has(id) && !gone.has(agent)),
  );
}

/** `true` when the time is over, `false` when the signal was first. */
export async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return await sleep(ms, true, { signal }).catch(() => false);
}
