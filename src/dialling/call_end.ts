import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { derivedId } from '../ids.ts';
import type { Append, AppendResult, CallRecord, Store } from '../store/store.ts';
import { neverDialled } from './dial_handler.ts';

export interface CallEndOptions {
  store: Pick<Store, 'getCall' | 'takeForDialling'>;
  commit: (append: Append) => Promise<AppendResult>;
  /** Tells the process that has the call to end it; `false` where none can be told. */
  tell: (callId: string) => boolean;
  /** Drops every leg: a phone that rings stops, one that talks is hung up on. */
  deleteRoom: (room: string) => Promise<void>;
  log: Logger;
  clock?: () => number;
}

/** What a call process needs from being told to its `call.ended`; a dead one has a sweep. */
const END_LIMIT_MS = 8_000;
const LOOK_EVERY_MS = 100;
/** A process that was told mostly has deleted the room by then; that of one that hangs or died is not left. */
const DELETE_EVERY_MS = 2_000;

/** Nobody dials with it: it only fences whoever had the call. */
const END_LEASE_MS = 30_000;

/**
 * Ends a call in whatever state it is, and returns it as it then is; `null` for an unknown one. A
 * call that waits is taken from whoever is about to dial it, so that it never is; of one that goes on the
 * process is told, or it is ended by its room, and writes the end itself. That it was asked to is written
 * down first: where it dies of it, or with its worker, the sweep then ends the call for the same reason.
 *
 * LiveKit fails to delete a room that is being deleted, so its errors are no answer: what counts is the call.
 */
export function createCallEnd({
  store,
  commit,
  tell,
  deleteRoom,
  log,
  clock = Date.now,
}: CallEndOptions) {
  const letGo = (callId: string, room: string) =>
    deleteRoom(room).catch((err: unknown) => {
      log.warn({ err, callId }, 'the room of a call that is to end could not be deleted yet');
    });
  return async function end(callId: string, signal: AbortSignal): Promise<CallRecord | null> {
    const known = await store.getCall(callId);
    // Another platform's: it is not ours to end.
    if (known && known.providerCallId !== null) return known;
    const turn = await store.takeForDialling(callId, END_LEASE_MS);
    if (turn.status === 'unknown') return null;
    if (turn.status === 'taken') {
      const { call, lease } = turn;
      const append = neverDialled(callId, call.createdAt, 'ended_by_api', clock());
      await commit({ ...append, lease });
    }
    if (turn.status === 'begun') {
      const { call } = turn;
      const id = derivedId('fct', call.createdAt, `${callId} end_requested`);
      await commit({ callId, facts: [{ id, kind: 'end_requested', time: clock(), data: {} }] });
    }
    const isTold = turn.status === 'begun' && tell(callId);
    if (turn.status !== 'ended' && !isTold) await letGo(callId, turn.call.room);
    const limit = AbortSignal.any([signal, AbortSignal.timeout(END_LIMIT_MS)]);
    let deleteAt = performance.now() + DELETE_EVERY_MS;
    for (;;) {
      const call = await store.getCall(callId);
      if (!call || call.state === 'ended' || limit.aborted) return call;
      if (performance.now() >= deleteAt) {
        await letGo(callId, call.room);
        deleteAt = performance.now() + DELETE_EVERY_MS;
      }
      await sleep(LOOK_EVERY_MS, undefined, { signal: limit }).catch(() => undefined);
    }
  };
}

export type EndCall = ReturnType<typeof createCallEnd>;
