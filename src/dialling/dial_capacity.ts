import type { DialCapacity } from './dial_handler.ts';

export interface DialCapacityOptions {
  /** Whether LiveKit knows this worker, and what the one before has left is in good hands. */
  ready: () => boolean;
  /** Calls of this worker that came in. */
  inboundCalls: () => number;
  /** Ids of this worker's outbound calls. */
  outboundCalls: () => readonly string[];
  maxCalls: number;
  /** Slots that are kept for callers. */
  inboundReserve: number;
  /** What the trunk carries at a time, and takes a second. */
  trunkCalls: number;
  trunkCallsPerSecond: number;
  clock?: () => number;
}

/** When a slot or the trunk is taken; somebody may hang up at any time. */
const LOOK_AGAIN_MS = 250;

/**
 * One finds the warm process; the next one's is started meanwhile, and agents-js starts one at a time.
 * More would wait there, in front of callers who find no process either, until they count as not taken
 * up: six at once did, and their rooms were deleted under processes that had just started for them.
 */
const HANDED_OVER_AT_ONCE = 2;

/**
 * How many calls may be dialled: slots that are free beyond those kept for callers, what the trunk
 * carries at a time, and how many it takes a second (a token bucket that holds one second's worth).
 * A call that is being handed over counts from `reserve` to `release`, by which time its process
 * does.
 */
export function dialCapacity(options: DialCapacityOptions): DialCapacity {
  const { maxCalls, inboundReserve, trunkCalls, trunkCallsPerSecond } = options;
  const clock = options.clock ?? Date.now;
  const most = Math.max(1, Math.floor(trunkCallsPerSecond));
  const handedOver = new Set<string>();
  let tokens = most;
  let filledAt = clock();

  return {
    reserve(callId) {
      if (!options.ready()) return { ok: false, againInMs: LOOK_AGAIN_MS };
      const now = clock();
      tokens = Math.min(most, tokens + (Math.max(0, now - filledAt) / 1_000) * trunkCallsPerSecond);
      filledAt = now;
      const outbound = new Set([...options.outboundCalls(), ...handedOver]).size;
      const slots = maxCalls - inboundReserve - options.inboundCalls() - outbound;
      const isTaken =
        slots <= 0 || outbound >= trunkCalls || handedOver.size >= HANDED_OVER_AT_ONCE;
      if (isTaken) return { ok: false, againInMs: LOOK_AGAIN_MS };
      if (tokens < 1) {
        return { ok: false, againInMs: Math.ceil(((1 - tokens) / trunkCallsPerSecond) * 1_000) };
      }
      tokens -= 1;
      handedOver.add(callId);
      return { ok: true, release: () => void handedOver.delete(callId) };
    },
  };
}
