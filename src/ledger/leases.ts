import { logger } from '../config/log.ts';
import type { HeldLease, LedgerStore } from '../store/store.ts';
import { processAlive } from './process_alive.ts';

/** How long a lease lasts, by the store's clock. */
export const LEASE_MS = 30_000;
/** A third of it: two renewals may fail before a live call is taken for dead. */
const RENEW_EVERY_MS = 10_000;
/** How long a live process may be without its socket before its leases are no longer renewed. */
const RECONNECT_GRACE_MS = 1_000;

interface Hold extends HeldLease {
  pid: number;
  /** The connection that vouches for it; `null` from its close on. */
  connection: object | null;
  /** Runs while the process may still come back. */
  grace: NodeJS.Timeout | null;
}

export interface LeaseKeeperOptions {
  store: Pick<LedgerStore, 'renewLeases' | 'expireLeases'>;
  /** The call's process is dead and its lease has been ended. */
  onLost: (callId: string) => void;
  /** Somebody else has the call: whoever is on this connection must stop. */
  onFenced: (held: HeldLease, connection: object) => void;
  isAlive?: (pid: number) => boolean;
  /** (Default: 10 s) */
  renewEveryMs?: number;
  /** (Default: 1 s) */
  graceMs?: number;
}

/**
 * Keeps the leases of the call processes that are connected to this host. The life of a lease:
 *
 * ```
 *            opening append acked,
 *            or hello with a lease
 * (none) ────────────────────────► held ── call.ended acked ──► released
 *                                  │  ▲  └─ renewal or append fenced ─► fenced
 *                 connection closes│  │ same call says hello again
 *                                  ▼  │
 *                               orphaned ── 1 s, process alive ──► dropped: not renewed any more,
 *                                  │                                runs out within 30 s
 *                                  └── process dead, at once ─────► lost: expired, onLost
 * ```
 *
 * `held` and `orphaned` are renewed every 10 s. The exit of a process whose connection is still open
 * changes nothing yet: what it wrote last (perhaps `call.ended`) is still in the socket, and the
 * kernel closes that behind the last byte. A dropped lease is remembered until its call comes back,
 * so that the exit of a process that hung still ends it at once.
 */
export class LeaseKeeper {
  readonly #store: LeaseKeeperOptions['store'];
  readonly #onLost: LeaseKeeperOptions['onLost'];
  readonly #onFenced: LeaseKeeperOptions['onFenced'];
  readonly #isAlive: (pid: number) => boolean;
  readonly #graceMs: number;
  readonly #log = logger('ledger');
  readonly #holds = new Map<string, Hold>();
  readonly #dropped = new Map<string, Hold>();
  readonly #timer: NodeJS.Timeout;
  #renewing: Promise<void> | null = null;

  constructor(options: LeaseKeeperOptions) {
    this.#store = options.store;
    this.#onLost = options.onLost;
    this.#onFenced = options.onFenced;
    this.#isAlive = options.isAlive ?? processAlive;
    this.#graceMs = options.graceMs ?? RECONNECT_GRACE_MS;
    this.#timer = setInterval(() => {
      this.renew().catch((err: unknown) => this.#log.error({ err }, 'leases could not be renewed'));
    }, options.renewEveryMs ?? RENEW_EVERY_MS);
    this.#timer.unref();
  }

  /** At once, or what is under way. Rejects where the store fails. */
  renew(): Promise<void> {
    // Reset here, not inside, where it could be over before it is assigned.
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  hold(held: HeldLease, pid: number, connection: object): void {
    const before = this.#holds.get(held.callId);
    if (before && before.lease > held.lease) return;
    if (before?.grace) clearTimeout(before.grace);
    this.#dropped.delete(held.callId);
    this.#holds.set(held.callId, { ...held, pid, connection, grace: null });
  }

  /** The call has ended. */
  release(callId: string): void {
    const hold = this.#holds.get(callId);
    if (hold?.grace) clearTimeout(hold.grace);
    this.#holds.delete(callId);
    this.#dropped.delete(callId);
  }

  /** This connection's lease is an old one: whoever has the call now is not its business. */
  fenced(callId: string, connection: object): void {
    if (this.#holds.get(callId)?.connection === connection) this.release(callId);
  }

  /** The connection is closed and everything that it sent has been answered. */
  disconnected(connection: object): void {
    for (const hold of this.#holds.values()) {
      if (hold.connection !== connection) continue;
      hold.connection = null;
      if (!this.#isAlive(hold.pid)) {
        this.#lose(hold);
        continue;
      }
      hold.grace = setTimeout(() => this.#graceOver(hold), this.#graceMs);
      hold.grace.unref();
    }
  }

  /** Whether a process that lives has this call, be it out of reach at the moment. */
  holds(callId: string): boolean {
    return this.#holds.has(callId) || this.#dropped.has(callId);
  }

  /** The worker has seen this child exit. */
  processExited(pid: number): void {
    for (const hold of [...this.#holds.values(), ...this.#dropped.values()]) {
      if (hold.pid === pid && hold.connection === null) this.#lose(hold);
    }
  }

  /** Renews no more. The leases run out, unless their calls find another host before. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const hold of this.#holds.values()) if (hold.grace) clearTimeout(hold.grace);
    this.#holds.clear();
    this.#dropped.clear();
    await this.#renewing?.catch(() => {});
  }

  #graceOver(hold: Hold): void {
    // A killed child answers as alive until it is reaped, which is long over by now.
    if (!this.#isAlive(hold.pid)) {
      this.#lose(hold);
      return;
    }
    this.#holds.delete(hold.callId);
    this.#dropped.set(hold.callId, hold);
    this.#log.warn(
      { callId: hold.callId, childPid: hold.pid },
      'call process lives but has left the ledger; its lease is not renewed any more',
    );
  }

  #lose(hold: Hold): void {
    const { callId, lease, pid } = hold;
    this.release(callId);
    this.#log.warn({ callId, childPid: pid }, 'call process died before its call had ended');
    this.#store
      .expireLeases([{ callId, lease }])
      // The lease then runs out by itself, and the sweep finds the call half a minute later.
      .catch((err: unknown) => this.#log.error({ err, callId }, 'lease could not be ended'))
      .finally(() => this.#onLost(callId));
  }

  async #renew(): Promise<void> {
    // An orphan's process may have died without anybody here being told.
    for (const hold of [...this.#holds.values(), ...this.#dropped.values()]) {
      if (hold.connection === null && !this.#isAlive(hold.pid)) this.#lose(hold);
    }
    const held = [...this.#holds.values()].map(({ callId, lease }) => ({ callId, lease }));
    // With nothing held, too: leases that the clock has left in the future are pulled back.
    const lost = await this.#store.renewLeases(held, LEASE_MS);
    for (const { callId, lease } of lost) this.#fence(callId, lease);
  }

  #fence(callId: string, lease: number): void {
    const hold = this.#holds.get(callId);
    // Released or held anew while the renewal ran: not this lease's business any more.
    if (!hold || hold.lease !== lease) return;
    this.release(callId);
    if (hold.connection) this.#onFenced({ callId, lease }, hold.connection);
  }
}
