import type { Room } from '@livekit/rtc-node';
import type { RoomServiceClient, SipClient } from 'livekit-server-sdk';
import { untilAborted } from '../crm/until_aborted.ts';
import { type DialOutcome, outcomeOfError, without } from './dial_outcome.ts';
import { followLeg, hangUpLeg, onRinging } from './dialled_leg.ts';

export interface DialOptions {
  /** Without failover: a request that dials must not be repeated by anybody (livekit_api.ts). */
  sip: SipClient;
  rooms: RoomServiceClient;
  /** The outbound trunk (`outboundTrunkId`). */
  trunkId: string;
  /** E.164. */
  to: string;
  /** E.164; the trunk's own number where it is missing. */
  from?: string;
  /** Where the phone shall be; the caller of this is in it, or on its way there. */
  room: Room;
  /** Needed where the room is yet to be joined. (Default: the room's own name) */
  roomName?: string;
  /** Of the phone in the room. No two legs of a room may have the same. */
  identity: string;
  /** 75 at most: livekit-server itself gives up at 80. (Default: 30) */
  ringingTimeoutInSeconds?: number;
  /** livekit-sip hangs up then, whatever has become of us. */
  maxCallDurationInSeconds: number;
  /** The phone rings. Never called where the carrier does not say so. */
  onRinging?: () => void;
  /** Gives up: the leg is taken out of the room before `dial` resolves. */
  signal: AbortSignal;
}

/**
 * Dials a phone into the room and waits until it is known what came of it.
 *
 *   dialing ──180/183──▶ ringing ──200──▶ answered
 *      │ │                 │
 *      │ └── 3xx-6xx ──────┴──▶ busy | no_answer | invalid_number | dial_failed
 *      ├── time is up ──CANCEL──▶ no_answer
 *      ├── signal, or the leg is removed by others ──CANCEL──▶ cancelled
 *      ├── livekit-sip has no room for it ──▶ once more after 1 s, then dial_failed
 *      └── LiveKit does not answer ──▶ the room is watched; what it does not show is unknown
 *
 * Never dials twice: LiveKit does not deduplicate, so the only repetition is the one of a call that
 * livekit-sip has refused before any INVITE. Whoever dies while this runs leaves a leg that rings
 * on: `adoptable` finds it, `followLeg` waits for its outcome.
 */
export async function dial(options: DialOptions): Promise<DialOutcome> {
  const { room, identity, signal } = options;
  if (signal.aborted) return without('cancelled');
  const stop = options.onRinging ? onRinging(room, identity, options.onRinging) : () => {};
  try {
    const first = await attempt(options);
    if (first !== 'not_dialled') return first;
    await untilAborted(pause(BUSY_NODE_PAUSE_MS), signal).catch(() => {});
    if (signal.aborted) return without('cancelled');
    const second = await attempt(options);
    return second === 'not_dialled' ? without('dial_failed', 'livekit-sip is overloaded') : second;
  } finally {
    stop();
  }
}

const DEFAULT_RINGING_IN_SECONDS = 30;
const MAX_RINGING_IN_SECONDS = 75;

/** livekit-sip judges its load over about half a second. */
const BUSY_NODE_PAUSE_MS = 1_000;

/** On top of the ringing: our request must outlast LiveKit's. */
const REQUEST_MARGIN_IN_SECONDS = 5;

/** A leg is in the room 100 to 200 ms after the request; on a busy machine seconds. */
const APPEAR_WITHIN_MS = 5_000;

/** For taking a leg out and hearing of its end (measured: 42 ms once it is there). */
const GIVE_UP_LIMIT_MS = 5_000;
const REMOVE_AGAIN_MS = 50;

async function attempt(options: DialOptions): Promise<DialOutcome | 'not_dialled'> {
  const { rooms, room, identity, signal } = options;
  const ringing = Math.min(
    options.ringingTimeoutInSeconds ?? DEFAULT_RINGING_IN_SECONDS,
    MAX_RINGING_IN_SECONDS,
  );
  const deadline = performance.now() + ringing * 1_000;
  const request = placeCall(options, ringing);
  const result = await untilAborted(request, signal).catch(() => undefined);
  if (signal.aborted) return await giveUp(options, request);
  if (result === 'answered') return without('answered');

  const outcome = outcomeOfError(result, { ringingTimedOut: performance.now() >= deadline });
  if (outcome !== 'lost') return outcome;
  return await followLeg({
    rooms,
    room,
    roomName: nameOf(options),
    identity,
    deadline: Math.max(deadline, performance.now() + APPEAR_WITHIN_MS),
    appearWithinMs: APPEAR_WITHIN_MS,
    signal,
  });
}

/** Resolves with `answered`, or with what went wrong; never rejects. */
async function placeCall(options: DialOptions, ringingTimeout: number): Promise<unknown> {
  const { sip, trunkId, to, from, identity } = options;
  try {
    await sip.createSipParticipant(trunkId, to, nameOf(options), {
      ...(from === undefined ? {} : { fromNumber: from }),
      participantIdentity: identity,
      ringingTimeout,
      maxCallDuration: options.maxCallDurationInSeconds,
      waitUntilAnswered: true,
      timeout: ringingTimeout + REQUEST_MARGIN_IN_SECONDS,
    });
    return 'answered';
  } catch (error) {
    return error;
  }
}

/**
 * Takes the leg out of the room: again and again, because at first it may not be there yet, until
 * it is gone and nothing of the request can still bring it. Of one that was there nothing rings any more,
 * whatever the request comes to.
 */
async function giveUp(options: DialOptions, request: Promise<unknown>): Promise<DialOutcome> {
  const { rooms, identity } = options;
  const limit = performance.now() + GIVE_UP_LIMIT_MS;
  let settled: { result: unknown } | undefined;
  const settling = request.then((result) => {
    settled = { result };
  });
  let wasThere = false;
  while (performance.now() < limit) {
    const over = settled && !isLost(settled.result);
    const removed = await hangUpLeg(rooms, nameOf(options), identity).catch(() => undefined);
    wasThere ||= removed === true;
    if ((removed === false && over) || (wasThere && settled)) return without('cancelled');
    const again = pause(REMOVE_AGAIN_MS);
    await (settled ? again : Promise.race([settling, again]));
  }
  return wasThere ? without('cancelled') : without('unknown', 'LiveKit does not answer');
}

function nameOf({ room, roomName }: DialOptions): string {
  return roomName ?? room.name ?? '';
}

function isLost(result: unknown): boolean {
  return result !== 'answered' && outcomeOfError(result, { ringingTimedOut: false }) === 'lost';
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
