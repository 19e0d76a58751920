import type { EndReason } from '../events/catalogue.ts';
import { CallEnded } from './call_ending.ts';
import type { LiveCall } from './live_call.ts';

/** Ends a call here, and leaves its room and its record alone: they are somebody else's. */
export async function disown(
  call: Pick<LiveCall, 'ending' | 'disowned'>,
  reason: EndReason = 'worker_lost',
): Promise<never> {
  call.disowned = true;
  await call.ending.end(reason);
  throw new CallEnded(reason);
}
