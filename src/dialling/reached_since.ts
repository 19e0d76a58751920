import { z } from 'zod';
import type { DialGate } from '../gate/dial_gate.ts';
import type { CallRecord, Store } from '../store/store.ts';

/** `DialGate.atDialling` fits. */
type JudgeAtDialling = Pick<DialGate, 'atDialling'>;

/**
 * The gate at dialling, and one more rule of its kind for follow-ups alone: `reached_since`. A follow-up
 * is there because somebody was not reached, or wanted to be called again; whoever has been spoken with
 * since, in whichever direction, is not called for that any more. What a rule of a profile has made is
 * called for another reason.
 */
export function unlessReachedSince(
  gate: JudgeAtDialling,
  store: Pick<Store, 'getCall' | 'spokenWithSince'>,
): JudgeAtDialling {
  return {
    atDialling: async (call) => {
      const { outbound } = call;
      if (!outbound?.followsCallId || outbound.madeByRule) return await gate.atDialling(call);
      const [verdict, before] = await Promise.all([
        gate.atDialling(call),
        store.getCall(outbound.followsCallId),
      ]);
      const since = (before?.endedAt ?? call.createdAt) + 1;
      const reached = await store.spokenWithSince({ phone: call.to, since });
      const { allowed, reasons, ...rest } = verdict.record;
      const reason = { rule: 'reached_since', allowed: !reached } as const;
      const record = { ...rest, allowed: allowed && !reached, reasons: [...reasons, reason] };
      return reached ? { verdict: 'block', record } : { ...verdict, record };
    },
  };
}

const JudgedGate = z.object({
  dialling: z.object({ reasons: z.array(z.object({ rule: z.string(), allowed: z.boolean() })) }),
});

/** Whether a follow-up was not dialled for that reason. */
export function wasReachedBefore({ outbound }: Pick<CallRecord, 'outbound'>): boolean {
  const { data } = JudgedGate.safeParse(outbound?.gate);
  return (
    data?.dialling.reasons.some(({ rule, allowed }) => rule === 'reached_since' && !allowed) ??
    false
  );
}
