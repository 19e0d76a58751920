import { setTimeout as sleep } from 'node:timers/promises';
import { logger } from '../config/log.ts';
import { isCallwireError } from '../errors.ts';
import { ANSWER_UNKNOWN } from '../events/answer_unknown.ts';
import { newId } from '../ids.ts';
import type { Append, CallRecord, EventDraft, HeldLease, Store } from '../store/store.ts';
import { LEASE_MS } from './leases.ts';
import type { Ledger } from './ledger.ts';
import { recoverSpools } from './spool_recovery.ts';

const SWEEP_EVERY_MS = 5_000;
/** So many calls are brought to their end at a time; a crashed worker leaves MAX_CALLS of them. */
const MAX_AT_ONCE = 50;
/**
 * A store that is down refuses the takeover too. One that works, but not for this spool, must not
 * keep the call from its end for ever; what the spool holds is then taken later, as late.
 */
const SPOOL_TRIES = 3;
/** One try to free a room. With the longest pause it has to fit into a lease. */
const RELEASE_TIMEOUT_MS = 10_000;
const RELEASE_PAUSE_MAX_MS = 10_000;
/** After so long the call is recorded as ended all the same; LiveKit closes empty rooms by itself. */
const RELEASE_GIVE_UP_MS = 60_000;
/** A call whose processes die one after the other is not given to yet another. */
const ADOPTIONS_AT_MOST = 6;
/** Temporarily Unavailable, RFC 3261 21.4.18: the caller rang and nobody was there to answer. */
const SIP_UNAVAILABLE = 480;

export interface SweeperOptions {
  store: Pick<
    Store,
    | 'append'
    | 'abandonedCalls'
    | 'takeOver'
    | 'renewLeases'
    | 'expireLeases'
    | 'heldLeases'
    | 'listCallEvents'
    | 'listFacts'
    | 'getCall'
  >;
  /** The worker's own, so that even this is durable while the store fails. */
  ledger: Pick<Ledger, 'append'>;
  /** From `spoolDir(DATA_DIR)`. */
  spoolDir: string;
  /**
   * Whether a process that lives has this call; `true` where that cannot be known, and only the
   * end of the lease will tell: with other machines on the same store.
   */
  isHeld: (callId: string) => Promise<boolean>;
  /** Removes the ghost participant and the room; a room that is gone is a success. */
  releaseRoom: (call: CallRecord, signal: AbortSignal) => Promise<void>;
  /**
   * Gives a call whose phone is still there to a new process, which then holds it by this lease.
   * `absent`: there is nothing to go on with. (Default: no call is)
   */
  adopt?: (call: CallRecord, lease: number, signal: AbortSignal) => Promise<'adopted' | 'absent'>;
  /** (Default: 5 s) */
  everyMs?: number;
  /** Pause after the first failed release, doubled up to 10 s. (Default: 1 s) */
  releasePauseMs?: number;
  /** (Default: 60 s) */
  releaseGiveUpMs?: number;
}

/**
 * Ends the calls whose process has died. For each:
 *
 * ```
 * abandoned ── its spools taken in ──┬─ they held call.ended ──► ended by itself
 *                                    └─ takeOver ─┬─ null ─────► somebody else's
 *                                                 ▼
 *                     outbound, the phone is there, nobody asked for the end ─ adopted: a new process goes on
 *                                                 ▼
 *                                             releasing ⟲ fails: 1 s, 2 s … 10 s
 *                                                 │  └── 60 s over: with a note
 *                                                 ▼
 *                              call.failed (not seen answered) + call.ended worker_lost; of a phone
 *                              that we called: call.error, call.failed + call.ended dial_failed (where
 *                              the API had asked for the end, it is ended_by_api for both)
 * ```
 *
 * The room goes first, so that "ended" is true when it is read. The lease of the takeover fences the
 * old process and, renewed with every try, keeps other sweepers out; a sweeper that dies in the
 * middle leaves an abandoned call to the next.
 */
export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #log = logger('sweep');
  readonly #closing = new AbortController();
  /** How often the spool of a call could not be taken in. */
  readonly #unheard = new Map<string, number>();
  readonly #busy = new Map<string, Promise<void>>();
  #holders: { renewLeases(): Promise<void> } | null = null;
  #timer: NodeJS.Timeout | null = null;
  #sweeping: Promise<void> | null = null;
  #leftBehind: Promise<void> = Promise.resolve();
  #again = false;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  /**
   * Sweeps now and every few seconds. To be called when all spools have been taken in.
   *
   * @param holders Renews what live processes hold, before each look: a clock that jumps ahead ends
   * every lease at once, and a look before the next renewal would take running calls for dead.
   */
  start(holders: { renewLeases(): Promise<void> }): void {
    this.#holders = holders;
    this.#timer ??= setInterval(() => this.sweepSoon(), this.#options.everyMs ?? SWEEP_EVERY_MS);
    this.sweepSoon();
  }

  /** For `onCallLost`: looks at once, or again when a look is under way. */
  sweepSoon(): void {
    if (this.#closing.signal.aborted || !this.#holders) return;
    if (this.#sweeping) {
      this.#again = true;
      return;
    }
    this.#sweeping = this.#sweep()
      .catch((err: unknown) => this.#log.error({ err }, 'sweep failed, will be repeated'))
      .finally(() => {
        this.#sweeping = null;
        if (!this.#again) return;
        this.#again = false;
        this.sweepSoon();
      });
  }

  /**
   * Ends this call now and not when its lease runs out, unless somebody has it. For whoever sees from
   * outside that nobody is there: the room is finished, or a worker has just started.
   */
  async endUnheld({ id, lease }: Pick<CallRecord, 'id' | 'lease'>): Promise<boolean> {
    if (this.#busy.has(id)) return true;
    if (await this.#options.isHeld(id)) return false;
    await this.#options.store.expireLeases([{ callId: id, lease }]);
    this.sweepSoon();
    return true;
  }

  /**
   * For a worker that has just started: the calls that the one before has left and whose processes do
   * not come back are nobody's, and need not wait for the end of their leases. Their phones may be
   * ringing, or silent.
   */
  takeLeftBehind(): void {
    this.#leftBehind = this.#takeLeftBehind().catch((err: unknown) =>
      // The leases then run out by themselves.
      this.#log.error({ err }, 'calls of the worker before could not be looked at'),
    );
  }

  async #takeLeftBehind(): Promise<void> {
    const left = await this.#options.store.heldLeases();
    await Promise.all(
      left.map(async ({ callId, lease }) => {
        if (!(await this.endUnheld({ id: callId, lease }))) return;
        this.#log.warn({ callId }, 'nobody holds a call of the worker before: it is swept up');
      }),
    );
  }

  /**
   * Resolves when of the calls that the worker before has left each is given to a process, or ended; at the
   * latest when the signal aborts.
   */
  async tidied(signal: AbortSignal): Promise<void> {
    const late = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    const tidied = async () => {
      await this.#leftBehind;
      while (this.#sweeping !== null) await this.#sweeping;
      await Promise.all(this.#busy.values());
    };
    await Promise.race([tidied(), late]);
  }

  /** Stops between two steps; calls in hand are left abandoned, for the next worker. */
  async close(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    this.#closing.abort();
    await this.#leftBehind;
    await this.#sweeping;
    await Promise.all(this.#busy.values());
  }

  async #sweep(): Promise<void> {
    const { store, spoolDir } = this.#options;
    await recoverSpools(store, spoolDir, { deadOnly: true }).catch((err: unknown) =>
      this.#log.error({ err }, 'not all spools could be taken in, will be repeated'),
    );
    const room = MAX_AT_ONCE - this.#busy.size;
    if (room <= 0) return;
    await this.#holders?.renewLeases();
    for (const { id } of await store.abandonedCalls(room)) {
      if (this.#busy.has(id) || this.#closing.signal.aborted) continue;
      const ending = this.#endCall(id)
        .catch((err: unknown) => this.#log.error({ err, callId: id }, 'lost call not ended yet'))
        .finally(() => this.#busy.delete(id));
      this.#busy.set(id, ending);
    }
  }

  async #endCall(callId: string): Promise<void> {
    const { store, spoolDir } = this.#options;
    // Once more and only now: the process may have died, with its last words, behind the first look.
    try {
      await recoverSpools(store, spoolDir, { callId });
    } catch (error) {
      const tries = (this.#unheard.get(callId) ?? 0) + 1;
      this.#unheard.set(callId, tries);
      if (tries < SPOOL_TRIES) throw error;
      this.#log.error({ err: error, callId }, 'ending a lost call without the rest of its spool');
    }
    this.#unheard.delete(callId);
    const taken = await store.takeOver(callId, LEASE_MS);
    if (!taken) return;
    const { call, lease } = taken;
    if (!(await this.#isToEnd(callId)) && (await this.#adopted(call, lease))) return;
    this.#log.warn({ callId, lease, state: call.state }, 'call was lost, ending it');
    const release = await this.#release(call, { callId, lease });
    if (release === 'stop') return;
    await this.#appendEnd(callId, lease, release === 'gave up');
  }

  /** Asked again by the next sweep where LiveKit does not answer: the lease runs out meanwhile. */
  async #adopted(call: CallRecord, lease: number): Promise<boolean> {
    const { adopt } = this.#options;
    if (!adopt || lease > ADOPTIONS_AT_MOST) return false;
    return (await adopt(call, lease, this.#closing.signal)) === 'adopted';
  }

  async #release(call: CallRecord, held: HeldLease): Promise<'done' | 'gave up' | 'stop'> {
    const { store, releaseRoom, releasePauseMs = 1_000 } = this.#options;
    const closing = this.#closing.signal;
    const giveUpAt = performance.now() + (this.#options.releaseGiveUpMs ?? RELEASE_GIVE_UP_MS);
    for (let pause = releasePauseMs; !closing.aborted; pause *= 2) {
      try {
        const limit = AbortSignal.any([closing, AbortSignal.timeout(RELEASE_TIMEOUT_MS)]);
        await Promise.race([releaseRoom(call, limit), rejectedBy(limit)]);
        return 'done';
      } catch (err) {
        this.#log.warn({ err, callId: call.id }, 'room of a lost call could not be released');
      }
      if (performance.now() >= giveUpAt) return 'gave up';
      const wait = Math.min(pause, RELEASE_PAUSE_MAX_MS);
      await sleep(wait, undefined, { signal: closing }).catch(() => {});
      // A store that fails now does not stop us: if the lease runs out, the append is fenced.
      const lost = await store.renewLeases([held], LEASE_MS).catch(() => []);
      if (lost.length > 0) return 'stop';
    }
    return 'stop';
  }

  async #appendEnd(callId: string, lease: number, ghost: boolean): Promise<void> {
    const { store, ledger } = this.#options;
    const time = Date.now();
    const events: EventDraft[] = [];
    // Read again: spools may have told more since the takeover.
    const call = await store.getCall(callId);
    const unanswered = call?.answeredAt === null;
    const calledInVain = unanswered && call.direction === 'outbound';
    const asked = await this.#isToEnd(callId);
    const endReason = asked ? 'ended_by_api' : calledInVain ? 'dial_failed' : 'worker_lost';
    if (calledInVain) {
      events.push({ id: newId('evt'), type: 'call.error', time, data: { ...ANSWER_UNKNOWN } });
    }
    if (unanswered && !(await this.#hasFailed(callId))) {
      const sipStatus = call.direction === 'inbound' ? SIP_UNAVAILABLE : null;
      const data = { sip_status: sipStatus, reason: endReason };
      events.push({ id: newId('evt'), type: 'call.failed', time, data });
    }
    const data = { end_reason: endReason };
    events.push({ id: newId('evt'), type: 'call.ended', time, data });
    const append: Append = { callId, lease, events };
    if (ghost) {
      const message =
        'LiveKit could not be reached: the room may have outlived the end of the call';
      append.facts = [{ id: newId('fct'), kind: 'note', time, data: { message } }];
    }
    try {
      const where = await ledger.append(append);
      this.#log.info({ callId, where }, 'lost call ended');
    } catch (error) {
      if (!isCallwireError(error) || error.code !== 'LEDGER_FENCED') throw error;
      this.#log.info({ callId }, 'lost call was taken over by somebody else');
    }
  }

  /** The API has asked for it, and the process has died before it was done. */
  async #isToEnd(callId: string): Promise<boolean> {
    const facts = await this.#options.store.listFacts(callId);
    return facts.some(({ kind }) => kind === 'end_requested');
  }

  async #hasFailed(callId: string): Promise<boolean> {
    const events = await this.#options.store.listCallEvents(callId);
    return events.some((event) => event.type === 'call.failed');
  }
}

/** For work that may not heed its signal: a hanging request must not hang the sweep. */
function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
