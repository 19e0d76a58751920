import type { Logger } from 'pino';
import type { CallTicket } from '../call/call_ticket.ts';
import type { CallRecord } from '../store/store.ts';
import type { DialDesk } from './dial_desk.ts';

export interface AdoptionOptions {
  desk: Pick<DialDesk, 'ordered'>;
  /** Resolves when LiveKit knows this worker: before that a dispatch would find nobody. */
  ready: Promise<void>;
  /** Whether the phone is in the room. Rejects when LiveKit cannot be asked. */
  phoneIn: (room: string) => Promise<boolean>;
  dispatch: (call: CallRecord, ticket: CallTicket) => Promise<unknown>;
  log: Logger;
}

/** Less than the lease that the sweep holds the call by. */
const LIMIT_MS = 20_000;

/**
 * What becomes of an outbound call whose process died before the answer. The phone has been called,
 * and goes on ringing without us: where it is in the room, a new process takes it on (`adopted`); where
 * it is not, the call is over (`absent`). It is never dialled a second time.
 */
export function createAdoption({ desk, ready, phoneIn, dispatch, log }: AdoptionOptions) {
  return async function adopt(
    call: CallRecord,
    lease: number,
    signal: AbortSignal,
  ): Promise<'adopted' | 'absent'> {
    if (call.direction !== 'outbound') return 'absent';
    if (call.state !== 'dialing' && call.state !== 'ringing') return 'absent';
    const limit = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
    await Promise.race([ready, aborted(limit)]);
    if (limit.aborted || !(await phoneIn(call.room))) return 'absent';
    log.warn({ callId: call.id, lease }, 'call was lost, its phone is given to a new process');
    const ordered = desk.ordered(call.id, lease, limit);
    await dispatch(call, { call: call.id as CallTicket['call'], lease, task: 'adopt' });
    if (await ordered) return 'adopted';
    log.error({ callId: call.id, lease }, 'no new process has taken the phone of a lost call');
    return 'absent';
  };
}

export type AdoptCall = ReturnType<typeof createAdoption>;

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
