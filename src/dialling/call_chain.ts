import type { CallRecord, Store } from '../store/store.ts';

/** Each call of a chain follows the one before it; see `followsCallId`. */
export interface CallChain {
  /** The calls before this one, nearest first. */
  before: readonly CallRecord[];
  /** Whether the first of them follows nobody; else what lies before it has been removed by now. */
  whole: boolean;
}

/** Nothing makes a chain that long; what seems to be one is not walked to its end. */
const LONGEST = 100;

/** What led to a call. */
export async function chainOf(store: Pick<Store, 'getCall'>, call: CallRecord): Promise<CallChain> {
  const before: CallRecord[] = [];
  let next = call.outbound?.followsCallId ?? null;
  while (next !== null && before.length < LONGEST) {
    const earlier = await store.getCall(next);
    if (earlier === null) break;
    before.push(earlier);
    next = earlier.outbound?.followsCallId ?? null;
  }
  return { before, whole: next === null };
}
