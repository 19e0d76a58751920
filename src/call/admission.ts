import type { JobRequest } from '@livekit/agents';
import type { Logger } from 'pino';
import type { Ledger } from '../ledger/ledger.ts';
import { deleteRoom, type LiveKitApi } from '../telephony/livekit_api.ts';
import { roomNow } from '../telephony/room_now.ts';
import { type RoomRef, roomRef } from '../telephony/room_ref.ts';
import { readTicket } from './call_ticket.ts';
import { BUSY_HERE, type MissedCall, recordMissedCall } from './missed_call.ts';
import { RecentIds } from './recent_ids.ts';

/**
 * Whether this worker takes a call, asked by LiveKit for each. LiveKit must always be able to ask:
 * a worker that reports itself full is passed over in silence, and the caller rings until the
 * trunk's time-out. So the load never looks full, and "no" is said here, where it leaves
 * a record and a 486 within a second.
 *
 * A room gets one answer: it is asked for again when the watchdog dispatches its caller again, and
 * two agents would talk at once, or a refused caller be recorded twice.
 *
 * ```
 * (new) ── request, a slot is free ──► accepted: arriving ─► running ── jobOver() ──► (new)
 *   └───── request, none ─┬─────────► refused: recorded, room deleted; so it stays
 *          refuse() ──────┘
 * ```
 */
export class Admission {
  readonly #options: AdmissionOptions;
  /** Accepted, but not yet among the running jobs: two calls must not take one slot. */
  readonly #arriving = new Set<string>();
  /** Every job that was accepted and is not over. */
  readonly #accepted = new Map<string, RoomRef>();
  readonly #over = new RecentIds();
  /** By their sid. */
  readonly #refused = new Set<string>();
  #closed = false;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** For `ServerOptions.loadFunc`: used slots / MAX_CALLS, scaled to what LiveKit still asks. */
  load(): number {
    return Math.min(this.#used() / this.#options.maxCalls, 1) * FULL_LOAD;
  }

  /** No calls from now on: the worker drains. Callers hear busy at once instead of ringing on. */
  close(): void {
    this.#closed = true;
  }

  /** For `ServerOptions.requestFunc`. Never throws: agents-js would leave LiveKit without an answer. */
  async request(job: JobRequest): Promise<void> {
    const { log, maxCalls } = this.#options;
    try {
      const room = roomRef(job.room);
      if (this.serves(room)) {
        log.warn({ room: room.sid }, 'a room has its agent already: a second job is rejected');
        await job.reject();
        return;
      }
      if (!this.#closed && this.#used() < maxCalls && !this.#refused.has(room.sid)) {
        this.#arriving.add(job.id);
        this.#accepted.set(job.id, room);
        setTimeout(() => this.#arrived(job.id), ARRIVAL_LIMIT_MS).unref();
        await job.accept();
        return;
      }
      // A call of ours that finds no slot is nobody's missed call: it waits and is dispatched again.
      if (readTicket(job.job.metadata)) return await job.reject();
      log.warn({ room: room.sid, draining: this.#closed }, 'no slot free: refusing a call');
      await this.refuse(room);
      await job.reject();
    } catch (error) {
      log.error({ err: error }, 'a job request could not be answered');
      this.#arriving.delete(job.id);
      this.#accepted.delete(job.id);
      await job.reject().catch(() => undefined);
    }
  }

  /** Whether a job of this worker has the room, or is on its way there. */
  serves({ sid }: RoomRef): boolean {
    return [...this.#accepted.values()].some((room) => room.sid === sid);
  }

  /** The process that had this job, or was to get it, is no more. */
  jobOver(job: string): void {
    this.#over.add(job);
    const room = this.#accepted.get(job);
    this.#arriving.delete(job);
    if (!room) return;
    this.#accepted.delete(job);
    this.#options.vacated(room, job);
  }

  /** Whether this worker has had the job, and has it no more. */
  isOver(job: string): boolean {
    return this.#over.has(job);
  }

  /**
   * Refuses the caller in a room, which is then deleted: livekit-sip answers 486. The missed call is
   * recorded once, whoever refuses it how often. `false` where a job of this worker has it.
   */
  async refuse(room: RoomRef, refusal: Refusal = {}): Promise<boolean> {
    if (this.serves(room)) return false;
    const { livekit, ledger, log } = this.#options;
    const isFirst = !this.#refused.has(room.sid);
    this.#refused.add(room.sid);
    setTimeout(() => this.#refused.delete(room.sid), REFUSED_FOR_MS).unref();
    const missed = isFirst ? await this.#missed(room.name, refusal) : null;
    const recorded = missed ? recordMissedCall(ledger, missed) : Promise.resolve();
    recorded.catch((error: unknown) => log.error({ err: error }, 'a missed call is not recorded'));
    await deleteRoom(livekit.rooms, room.name);
    await recorded.catch(() => undefined);
    return true;
  }

  #used(): number {
    const running = this.#options.runningJobs();
    for (const id of running) this.#arriving.delete(id);
    return running.length + this.#arriving.size;
  }

  /** By now a job runs, or never will. */
  #arrived(job: string): void {
    this.#used();
    if (this.#arriving.has(job)) this.jobOver(job);
  }

  async #missed(room: string, refusal: Refusal): Promise<MissedCall> {
    const { reason = 'no_capacity', sipStatus = BUSY_HERE } = refusal;
    const { from, to } = refusal.caller ?? (await this.#caller(room));
    return { room, from, to, agentId: this.#options.agentFor(to) ?? '', sipStatus, reason };
  }

  async #caller(room: string): Promise<Caller> {
    try {
      const { phones } = await roomNow(this.#options.livekit.rooms, room);
      return phones[0] ?? { from: null, to: '' };
    } catch (error) {
      this.#options.log.warn({ err: error }, 'who called is unknown');
      return { from: null, to: '' };
    }
  }
}

/**
 * The load of a worker whose slots are all taken. The threshold that counts is not agents-js's but
 * the `target_load` of livekit-server, 0.7: its nodes bid for a job with what their workers have
 * left below that, and a bid of 0 is none (livekit-server 1.13, `JobRequestAffinity`).
 */
const FULL_LOAD = 0.6;

/** An accepted job that is not running after this long never will be (LiveKit's own limit is 10 s). */
const ARRIVAL_LIMIT_MS = 15_000;

/** A room that was refused is gone by then; LiveKit gives its sid to no other. */
const REFUSED_FOR_MS = 600_000;

type Caller = Pick<MissedCall, 'from' | 'to'>;

/** (Default: 486, `no_capacity`, and whoever is in the room) */
export interface Refusal extends Partial<Pick<MissedCall, 'reason' | 'sipStatus'>> {
  caller?: Caller;
}

export interface AdmissionOptions {
  maxCalls: number;
  /** Ids of the jobs that run now. */
  runningJobs: () => string[];
  livekit: Pick<LiveKitApi, 'rooms'>;
  ledger: Ledger;
  /** Told of a room whose job is over, however it ended. */
  vacated: (room: RoomRef, job: string) => void;
  /** The profile id for a dialled number. */
  agentFor: (to: string) => string | undefined;
  log: Logger;
}
