import { z } from 'zod';
import type { CallId } from '../ids.ts';

/**
 * What a dispatch of an outbound call carries: which call, and the lease that the process which takes
 * it holds. Nothing of the call itself: that is asked of the worker, and never passes LiveKit.
 */
export interface CallTicket {
  call: CallId;
  lease: number;
  /** `dial`: the phone is to be called. `adopt`: a process that had called it died. */
  task: 'dial' | 'adopt';
}

const Ticket: z.ZodType<CallTicket> = z.object({
  call: z.custom<CallId>((id) => typeof id === 'string' && id.startsWith('call_')),
  lease: z.number().int().positive(),
  task: z.enum(['dial', 'adopt']),
});

export function writeTicket(ticket: CallTicket): string {
  return JSON.stringify(ticket);
}

/** `null` for a dispatch that is none of ours: a phone that rings. */
export function readTicket(metadata: string | undefined): CallTicket | null {
  if (!metadata) return null;
  try {
    return Ticket.safeParse(JSON.parse(metadata)).data ?? null;
  } catch {
    return null;
  }
}
