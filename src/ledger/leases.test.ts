import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { HeldLease } from '../store/store.ts';
import { LEASE_MS, LeaseKeeper } from './leases.ts';

describe('the renewal of leases', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  // A worker idled for longer than one renewal; the calls it then took lost their leases after 30 s
  // and were ended as `worker_lost` in the middle of the conversation. The renewal that had found
  // nothing to do was over before it was noted as running, and so counted as running for ever.
  it('goes on after renewals that found nothing to renew', async () => {
    const renewed: HeldLease[] = [];
    const keeper = new LeaseKeeper({
      store: {
        renewLeases: (held, leaseMs) => {
          expect(leaseMs).toBe(LEASE_MS);
          renewed.push(...held);
          return Promise.resolve([]);
        },
        expireLeases: () => Promise.resolve(),
      },
      onLost: () => undefined,
      onFenced: () => undefined,
      renewEveryMs: 1_000,
    });
    await vi.advanceTimersByTimeAsync(3_500);
    keeper.hold({ callId: 'call_1', lease: 1 }, process.pid, {});
    await vi.advanceTimersByTimeAsync(1_000);
    expect(renewed).toEqual([{ callId: 'call_1', lease: 1 }]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(renewed).toHaveLength(2);
    await keeper.close();
  });
});
