import type { RoomNotice } from '../telephony/livekit_webhook.ts';
import { type RoomRef, roomRef } from '../telephony/room_ref.ts';
import {
  CallerRescue,
  type DepartedCaller,
  pause,
  type RescueOptions,
  type WatchedRoom,
} from './caller_rescue.ts';
import { RecentIds } from './recent_ids.ts';

/** How long a worker has to take a caller before nobody counts as having done so. */
const TAKE_MS = 1_000;

/** What a process wrote last may be under way to the ledger when its exit is known. */
const VACATED_MS = 500;

/** A project of LiveKit may have thousands of rooms, most of them somebody else's. */
const APART_MS = 10;

/** When LiveKit or the store cannot be asked. With `RETRIES` it is about as long as a phone rings. */
const RETRY_MS = 1_000;
const RETRIES = 25;

/** Rooms of which something is remembered although nobody looks at them just now. */
const REMEMBERED_ROOMS = 1_000;

const LEAVING: ReadonlySet<string> = new Set([
  'participant_left',
  // Of one that never got as far as to be there.
  'participant_connection_aborted',
]);

export interface WatchdogOptions extends RescueOptions {
  /** Where LiveKit has to send its webhooks, for the warning that none come; `null`: they cannot. */
  webhookUrl: () => string | null;
  /** (Default: 1 s) */
  takeMs?: number;
  /** (Default: 500 ms) */
  vacatedMs?: number;
  /** (Default: 1 s) */
  retryMs?: number;
}

/**
 * Looks after callers whom no agent looks after. LiveKit dispatches a call once and tells nobody when
 * no worker takes it or its agent is gone: the phone rings on to the trunk's time-out, or the line is
 * silent. Its webhooks are hints that a room is worth a look; what is done there is decided by what
 * the room, its dispatches and the ledger say at that moment (`CallerRescue`). So it does not matter
 * in which order they come and how often, and other hints do as well.
 *
 * ```
 * a phone is in the room      its agent left, its process exited, a worker has started
 *          │ 1 s                                   │
 *          ▼                                       ▼
 *       looked at ◄────────────────────────────────┘
 *          ├─ nobody waits there, or no caller of ours ────────────────► left alone
 *          ├─ a job has it ────────────────────────────────────────────► left alone
 *          ├─ the ledger has the call ─┬─ nobody holds it ─────────────► the sweep ends it, now
 *          │                           ├─ its process lives ── 10 s ───► the room is deleted, if the
 *          │                           │                                 caller is still alone there
 *          │                           └─ it has ended ────────────────► the room is deleted
 *          └─ nobody: dispatched again, once in the life of a room
 *                          └─ 2 s ─┬─ a job has it ────────────────────► left alone
 *                                  └─ none ────────────────────────────► refused: recorded, 486
 * ```
 *
 * What the ledger knows belongs to the process that holds it, or to the sweep: nothing is appended to
 * such a call here, and no second agent is put into its room. The watchdog writes only of callers
 * whom the ledger has not heard of.
 */
export class Watchdog {
  readonly #options: WatchdogOptions;
  readonly #rescue: CallerRescue;
  readonly #seen = new RecentIds();
  readonly #watches = new Map<string, Watch>();
  readonly #closing = new AbortController();
  readonly #working = new Set<Promise<void>>();
  #heardLiveKit = false;
  #complained = false;

  constructor(options: WatchdogOptions) {
    this.#options = options;
    this.#rescue = new CallerRescue(options);
  }

  /** A webhook of LiveKit; the second of the same id is none. Returns at once and never throws. */
  take({ id, event, room, participant }: RoomNotice): void {
    this.#heardLiveKit = true;
    if (room.name === '' || this.#closing.signal.aborted || !this.#seen.add(id)) return;
    if (event === 'room_finished') {
      this.#forget(room);
      this.#work(room, () => this.#rescue.finished(room));
      return;
    }
    if (!participant) return;
    const isCaller = participant.kind === 'phone' && participant.phone.inbound;
    if (event === 'participant_joined' && isCaller) {
      this.#look(room, { afterMs: this.#options.takeMs ?? TAKE_MS });
    }
    // Whoever is removed, or was in a room that was deleted, was in good hands.
    if (!LEAVING.has(event) || participant.departure === 'removed') return;
    if (participant.kind === 'agent') this.#look(room, { gone: participant.identity });
    if (isCaller) this.#callerLeft(room, participant);
  }

  /**
   * Looks at the rooms there are: callers rang, or were left alone, while nobody was here to be told.
   * To be called when LiveKit has registered the worker, so that somebody can take them.
   */
  async lookAround(): Promise<void> {
    const { livekit, log } = this.#options;
    try {
      let afterMs = this.#options.takeMs ?? TAKE_MS;
      for (const room of await livekit.rooms.listRooms()) {
        this.#look(roomRef(room), { afterMs });
        afterMs += APART_MS;
      }
    } catch (error) {
      log.warn({ err: error }, 'the rooms that LiveKit has could not be looked at');
    }
  }

  /** A job of this worker is over, perhaps before the ledger had heard of its caller. */
  vacated(room: RoomRef, job: string): void {
    this.#look(room, { gone: job, afterMs: this.#options.vacatedMs ?? VACATED_MS });
    if (!this.#heardLiveKit) this.#complain();
  }

  /** Stops between two steps. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#working);
  }

  #look(ref: RoomRef, { afterMs = 0, gone }: { afterMs?: number; gone?: string }): void {
    if (this.#closing.signal.aborted) return;
    const watch = this.#watches.get(ref.sid) ?? this.#watch(ref);
    if (gone !== undefined) watch.room.gone.add(gone);
    if (watch.looking) {
      watch.again ||= gone !== undefined;
      return;
    }
    watch.looking = true;
    let isThere = true;
    const signal = AbortSignal.any([watch.over.signal, this.#closing.signal]);
    this.#work(ref, async () => {
      if (await pause(afterMs, signal)) isThere = await this.#rescue.attend(watch.room, signal);
    }).finally(() => {
      watch.looking = false;
      if (watch.again && !signal.aborted) {
        watch.again = false;
        this.#look(ref, {});
      } else if (!isThere || (!watch.room.dispatchedAgain && watch.room.gone.size === 0)) {
        this.#forget(ref);
      }
    });
  }

  #callerLeft(ref: RoomRef, caller: DepartedCaller): void {
    const room = this.#watches.get(ref.sid)?.room ?? watchedRoom(ref);
    this.#forget(ref);
    this.#work(ref, () => this.#rescue.callerLeft(room, caller, this.#closing.signal));
  }

  #watch(ref: RoomRef): Watch {
    const watch = {
      room: watchedRoom(ref),
      over: new AbortController(),
      looking: false,
      again: false,
    };
    this.#watches.set(ref.sid, watch);
    for (const [sid, { looking }] of this.#watches) {
      if (this.#watches.size <= REMEMBERED_ROOMS) break;
      if (!looking && sid !== ref.sid) this.#watches.delete(sid);
    }
    return watch;
  }

  #forget({ sid }: RoomRef): void {
    this.#watches.get(sid)?.over.abort();
    this.#watches.delete(sid);
  }

  /** Does something until it works: a LiveKit that is away for a moment must not cost a caller. */
  #work(room: RoomRef, step: () => Promise<void>): Promise<void> {
    const { log, retryMs = RETRY_MS } = this.#options;
    const work = (async () => {
      for (let tries = 1; ; tries++) {
        try {
          return await step();
        } catch (error) {
          if (this.#closing.signal.aborted) return;
          log.warn({ err: error, room: room.sid, tries }, 'a room could not be looked after');
          if (tries > RETRIES || !(await pause(retryMs, this.#closing.signal))) return;
        }
      }
    })();
    this.#working.add(work);
    return work.finally(() => this.#working.delete(work));
  }

  #complain(): void {
    const url = this.#options.webhookUrl();
    if (this.#complained || url === null) return;
    this.#complained = true;
    this.#options.log.warn(
      { url },
      'there was a call, but no webhook of LiveKit: callers whom no worker takes will ring on. Enter this ' +
        'URL in the settings of LiveKit, with the key in LIVEKIT_API_KEY',
    );
  }
}

interface Watch {
  room: WatchedRoom;
  /** Aborted when there is no caller any more. */
  over: AbortController;
  looking: boolean;
  /** Something has gone meanwhile: look once more. */
  again: boolean;
}

function watchedRoom(ref: RoomRef): WatchedRoom {
  return { ...ref, gone: new Set(), dispatchedAgain: false };
}
