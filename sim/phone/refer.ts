import { setTimeout as delay } from 'node:timers/promises';
import { reasonPhrase } from './sip_message.ts';

/**
 * How the phone takes being transferred (RFC 3515). All times are ms after our answer, so that
 * "NOTIFY 200 and BYE together" can be said too; the carriers' habits differ in nothing else.
 */
export interface ReferPlan {
  /** The status of our answer, 202 to accept; 'none' leaves the REFER unanswered. */
  answer: number | 'none';
  /** What the transferred call comes to: 100 trying, 200 connected, 486 busy, … */
  notify?: Array<{ afterMs: number; status: number }>;
  /** We hang up by ourselves, as some carriers do. */
  byeAfterMs?: number;
}

export const ACCEPT_REFER: ReferPlan = {
  answer: 202,
  notify: [
    { afterMs: 0, status: 100 },
    { afterMs: 400, status: 200 },
  ],
};

export const REFUSE_REFER: ReferPlan = { answer: 603 };

export interface NotifyMessage {
  headers: Array<readonly [string, string]>;
  body: string;
}

/** The NOTIFY that reports `status`; a final one ends the subscription (RFC 3515 2.4.4). */
export function notifyOf(status: number, referCseq: number): NotifyMessage {
  const state = status >= 200 ? 'terminated;reason=noresource' : 'active;expires=60';
  return {
    headers: [
      ['Event', `refer;id=${referCseq}`],
      ['Subscription-State', state],
      ['Content-Type', 'message/sipfrag;version=2.0'],
    ],
    body: `SIP/2.0 ${status} ${reasonPhrase(status)}\r\n`,
  };
}

/** Carries out an accepted plan step by step; ends early, quietly, when the call does. */
export async function carryOut(
  plan: ReferPlan,
  referCseq: number,
  call: {
    notify: (message: NotifyMessage) => void;
    hangUp: () => void;
    signal: AbortSignal;
  },
): Promise<void> {
  const steps = (plan.notify ?? []).map(({ afterMs, status }) => ({
    afterMs,
    run: () => call.notify(notifyOf(status, referCseq)),
  }));
  if (plan.byeAfterMs !== undefined) steps.push({ afterMs: plan.byeAfterMs, run: call.hangUp });
  steps.sort((a, b) => a.afterMs - b.afterMs);

  const answeredAt = performance.now();
  for (const step of steps) {
    const rest = answeredAt + step.afterMs - performance.now();
    try {
      if (rest > 0) await delay(rest, undefined, { signal: call.signal });
    } catch {
      return;
    }
    step.run();
  }
}
