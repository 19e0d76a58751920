import type { JobRequest } from '@livekit/agents';
import type { Logger } from 'pino';
import { toE164 } from '../config/phone_number.ts';
import { draftEvent } from '../events/catalogue.ts';
import { newId } from '../ids.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { deleteRoom, type LiveKitApi } from '../telephony/livekit_api.ts';

/**
 * Whether this worker takes a call, asked by LiveKit for each. LiveKit must always be able to ask:
 * a worker that reports itself full is passed over in silence, and the caller rings until the
 * trunk's time-out. So the load never looks full, and "no" is said here, where it leaves
 * a record and a 486 within a second.
 */
export class Admission {
  readonly #options: AdmissionOptions;
  /** Accepted, but not yet among the running jobs: two calls must not take one slot. */
  readonly #arriving = new Set<string>();
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
    const { log } = this.#options;
    try {
      if (!this.#closed && this.#used() < this.#options.maxCalls) {
        this.#arriving.add(job.id);
        setTimeout(() => this.#arriving.delete(job.id), ARRIVAL_LIMIT_MS).unref();
        await job.accept();
        return;
      }
      log.warn({ room: job.room?.name, draining: this.#closed }, 'no slot free: refusing a call');
      await this.#refuse(job);
    } catch (error) {
      log.error({ err: error }, 'a job request could not be answered');
      this.#arriving.delete(job.id);
      await job.reject().catch(() => undefined);
    }
  }

  #used(): number {
    const running = this.#options.runningJobs();
    for (const id of running) this.#arriving.delete(id);
    return running.length + this.#arriving.size;
  }

  /** Records the missed call, then deletes the room, which livekit-sip answers with 486. */
  async #refuse(job: JobRequest): Promise<void> {
    const { livekit, ledger, log, agentFor } = this.#options;
    const room = job.room?.name ?? '';
    const caller = await this.#caller(room);
    const id = newId('call');
    const recorded = ledger.append({
      callId: id,
      lease: 1,
      open: {
        id,
        direction: 'inbound',
        from: caller.from,
        to: caller.to,
        agentId: agentFor(caller.to) ?? '',
        room,
        metadata: {},
        time: Date.now(),
      },
      events: [
        draftEvent('call.failed', { sip_status: BUSY_HERE, reason: 'no_capacity' }),
        draftEvent('call.ended', { end_reason: 'no_capacity' }),
      ],
    });
    recorded.catch((error: unknown) => log.error({ err: error }, 'a missed call is not recorded'));
    await deleteRoom(livekit.rooms, room);
    await job.reject();
    await recorded.catch(() => undefined);
  }

  async #caller(room: string): Promise<{ from: string | null; to: string }> {
    try {
      const participants = await this.#options.livekit.rooms.listParticipants(room);
      const phone = participants.find((one) => one.attributes['sip.callID'] !== undefined);
      const dialled = phone?.attributes['sip.trunkPhoneNumber'] ?? '';
      const to = toE164(dialled);
      const from = toE164(phone?.attributes['sip.phoneNumber'] ?? '', { near: to });
      return { from, to: to ?? dialled };
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

/** What livekit-sip answers when the room is deleted before the answer. */
const BUSY_HERE = 486;

export interface AdmissionOptions {
  maxCalls: number;
  /** Ids of the jobs that run now. */
  runningJobs: () => string[];
  livekit: LiveKitApi;
  ledger: Ledger;
  /** The profile id for a dialled number. */
  agentFor: (to: string) => string | undefined;
  log: Logger;
}
