import { CallEnded } from './call_ending.ts';
import type { LiveCall } from './live_call.ts';

/** Ends a call here, and leaves its room and its record alone: they are somebody else's. */
export async function disown(call: Pick<LiveCall, 'ending' | 'disowned'>): Promise<never> {
  call.disowned = true;
  await call.ending.end('worker_lost');
  throw new CallEnded('worker_lost');
}
