import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import {
  BEGIN_DIALLING,
  CALL_OVER,
  DIAL_ORDER,
  type DialOrder,
  type DialPermission,
  OrderRequest,
} from '../call/dial_orders.ts';
import { CallwireError } from '../errors.ts';
import { draftEvent } from '../events/catalogue.ts';
import type { DialGate } from '../gate/dial_gate.ts';
import { derivedId } from '../ids.ts';
import type { RequestHandlers } from '../ledger/host_session.ts';
import { DIAL_GUARD_CODES } from '../store/outbound_store.ts';
import type { Append, AppendResult, CallRecord, Store } from '../store/store.ts';

export interface DialDeskOptions {
  store: Pick<Store, 'getCall' | 'recordGate'>;
  gate: Pick<DialGate, 'atDialling' | 'guardAtDialling'>;
  /** Commits an append, never into a spool: what is dialled must be in the ledger. */
  commit: (append: Append) => Promise<AppendResult>;
  /** LiveKit's id of the outbound trunk. Rejects where there is none. */
  trunkId: () => Promise<string>;
  log: Logger;
}

/** Between two looks at a call that a process is awaited for. A commit here is seen at once. */
const LOOK_EVERY_MS = 500;

/** Far longer than a dispatch may be under way. */
const ORDER_KEPT_MS = 10 * 60_000;

/**
 * Where the processes of outbound calls ask the worker: whom to call, and whether they may. The
 * permission is the commit of `call.started` under the asker's lease; the store gives it to one
 * lease only, and not where the gate's guard fails by then: a number that was suppressed meanwhile, a
 * cap that another call has reached.
 */
export class DialDesk {
  readonly #options: DialDeskOptions;
  readonly #awaited = new Map<string, AbortController>();
  /** Orders that were given, by call and lease: one process has each. */
  readonly #ordered = new Set<string>();
  readonly #onOrder = new Map<string, () => void>();

  constructor(options: DialDeskOptions) {
    this.#options = options;
  }

  /** For the ledger's host. */
  readonly requests: RequestHandlers = {
    [DIAL_ORDER]: (params) => this.#order(OrderRequest.parse(params)),
    [BEGIN_DIALLING]: (params) => this.#begin(OrderRequest.parse(params)),
  };

  /**
   * Waits until a process has begun to dial the call, or has ended it; `false` when the signal
   * aborts first.
   */
  async takenUp(callId: string, signal: AbortSignal): Promise<boolean> {
    const seen = new AbortController();
    this.#awaited.set(callId, seen);
    try {
      while (!signal.aborted) {
        const call = await this.#options.store.getCall(callId);
        if (call && call.state !== 'queued' && call.state !== 'scheduled') return true;
        const wake = AbortSignal.any([signal, seen.signal]);
        await sleep(LOOK_EVERY_MS, undefined, { signal: wake }).catch(() => undefined);
        if (seen.signal.aborted) return true;
      }
      return false;
    } finally {
      this.#awaited.delete(callId);
    }
  }

  /** Waits until a process has asked for the order of this lease; `false` when the signal aborts first. */
  ordered(callId: string, lease: number, signal: AbortSignal): Promise<boolean> {
    const key = keyOf(callId, lease);
    if (this.#ordered.has(key)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const settle = (asked: boolean) => {
        this.#onOrder.delete(key);
        signal.removeEventListener('abort', giveUp);
        resolve(asked);
      };
      const giveUp = () => settle(false);
      this.#onOrder.set(key, () => settle(true));
      signal.addEventListener('abort', giveUp, { once: true });
      if (signal.aborted) giveUp();
    });
  }

  async #order({ callId, lease }: { callId: string; lease: number }): Promise<DialOrder> {
    const call = await this.#options.store.getCall(callId);
    const key = keyOf(callId, lease);
    if (call?.state === 'ended') {
      throw new CallwireError(CALL_OVER, 'The call has ended before it was dialled.');
    }
    const taken = this.#ordered.has(key);
    if (taken || !call?.outbound || call.lease !== lease || !isUnanswered(call)) {
      throw new CallwireError('CALL_NOT_YOURS', 'The call is not for this process to place.');
    }
    this.#ordered.add(key);
    setTimeout(() => this.#ordered.delete(key), ORDER_KEPT_MS).unref();
    this.#onOrder.get(key)?.();
    return {
      state: call.state,
      agentId: call.agentId,
      from: call.from ?? '',
      to: call.to,
      variables: call.outbound.variables,
      trunkId: await this.#options.trunkId(),
    };
  }

  async #begin({ callId, lease }: { callId: string; lease: number }): Promise<DialPermission> {
    const { store, gate, commit, log } = this.#options;
    const call = await store.getCall(callId);
    if (call?.state !== 'queued') return 'fenced';
    // Of the call and the lease: a process whose answer was lost and that asks again gets the same.
    const id = derivedId('evt', call.createdAt, `${callId} ${lease} call.started`);
    const result = await commit({
      callId,
      lease,
      events: [draftEvent('call.started', {}, { id })],
      dial: gate.guardAtDialling(),
    });
    if (result.status === 'appended') {
      this.#awaited.get(callId)?.abort();
      return 'begun';
    }
    if (result.status === 'fenced') return 'fenced';
    if (DIAL_GUARD_CODES.some((code) => code === result.code)) {
      await this.#recordRefusal(call);
      return 'blocked';
    }
    log.error({ callId, code: result.code }, 'the ledger refused the start of a call');
    throw new CallwireError('LEDGER_REFUSED', `The start of the call was refused: ${result.code}`);
  }

  /** The decision that let the call be handed over is out of date; the one that holds says why. */
  async #recordRefusal(call: CallRecord): Promise<void> {
    const { store, gate } = this.#options;
    const { record } = await gate.atDialling(call);
    await store.recordGate(call.id, { ...call.outbound?.gate, dialling: record });
  }
}

function isUnanswered(
  call: CallRecord,
): call is CallRecord & { state: 'queued' | 'dialing' | 'ringing' } {
  return call.state === 'queued' || call.state === 'dialing' || call.state === 'ringing';
}

function keyOf(callId: string, lease: number): string {
  return `${callId} ${lease}`;
}
