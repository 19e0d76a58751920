import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { LedgerClient } from '../ledger/client.ts';
import type { CallTicket } from './call_ticket.ts';

/*
 * What the process of an outbound call asks of its worker, and what it is answered. The order and the
 * permission wait for the worker: without it nothing may be dialled.
 */

/** Everything about the call that its process needs. */
export const DialOrder = z.object({
  /** Whether the far phone has been heard to ring. */
  state: z.enum(['queued', 'dialing', 'ringing']),
  agentId: z.string(),
  from: z.string(),
  to: z.string(),
  variables: z.record(z.string(), z.unknown()),
  trunkId: z.string(),
});
export type DialOrder = z.infer<typeof DialOrder>;

export const DIAL_ORDER = 'calls.dialOrder';
export const BEGIN_DIALLING = 'calls.beginDialling';

/** The code of an order's refusal: there is nothing to dial, and nobody else has the room. */
export const CALL_OVER = 'CALL_OVER';

export const AWAIT_END = 'calls.awaitEnd';

export const OrderRequest = z.object({ callId: z.string(), lease: z.number().int().positive() });

/** Whether the phone may be called now. `begun` is committed: from here on nobody else will. */
export const DialPermission = z.enum(['begun', 'blocked', 'fenced']);
export type DialPermission = z.infer<typeof DialPermission>;

/** Whether somebody wants the call to end; else the worker is to be asked again. */
export const EndAnswer = z.object({ end: z.boolean() });
export type EndAnswer = z.infer<typeof EndAnswer>;

type Asker = Pick<LedgerClient, 'request'>;
type Ticket = Pick<CallTicket, 'call' | 'lease'>;

const paramsOf = ({ call, lease }: Ticket): z.infer<typeof OrderRequest> => ({
  callId: call,
  lease,
});

export async function askForOrder(
  ledger: Asker,
  ticket: Ticket,
  signal: AbortSignal,
): Promise<DialOrder> {
  const params = paramsOf(ticket);
  return DialOrder.parse(await ledger.request(DIAL_ORDER, params, signal));
}

export async function beginDialling(
  ledger: Asker,
  ticket: Ticket,
  signal: AbortSignal,
): Promise<DialPermission> {
  const params = paramsOf(ticket);
  return DialPermission.parse(await ledger.request(BEGIN_DIALLING, params, signal));
}

/** The worker is gone, which ends the call elsewhere, or only its socket, which comes back. */
const ASK_AGAIN_MS = 500;

/** Resolves when somebody wants the call to end; rejects with the signal. */
export async function endWanted(ledger: Asker, ticket: Ticket, signal: AbortSignal): Promise<void> {
  const params = paramsOf(ticket);
  for (;;) {
    signal.throwIfAborted();
    try {
      if (EndAnswer.parse(await ledger.request(AWAIT_END, params, signal)).end) return;
    } catch {
      await sleep(ASK_AGAIN_MS, undefined, { signal, ref: false });
    }
  }
}
