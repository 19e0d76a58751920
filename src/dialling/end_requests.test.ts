import { describe, expect, it, vi } from 'vitest';
import { AWAIT_END } from '../call/dial_orders.ts';
import { EndRequests } from './end_requests.ts';

function setUp() {
  const ends = new EndRequests();
  const ask = (callId: string, signal = new AbortController().signal) =>
    ends.requests[AWAIT_END]!({ callId, lease: 2 }, signal);
  return { ends, ask };
}

describe('EndRequests', () => {
  it('tells the process that waits, and no other', async () => {
    const { ends, ask } = setUp();
    const other = new AbortController();
    const [mine, theirs] = [ask('call_1'), ask('call_2', other.signal)];
    expect(ends.tell('call_1')).toBe(true);
    expect(await mine).toEqual({ end: true });
    other.abort();
    expect(await theirs).toEqual({ end: false });
  });

  it('tells a process that asks a moment later', async () => {
    const { ends, ask } = setUp();
    expect(ends.tell('call_1')).toBe(false);
    expect(await ask('call_1')).toEqual({ end: true });
  });

  it('tells a process that adopts the call of one that was told and died', async () => {
    const { ends, ask } = setUp();
    const told = ask('call_1');
    expect(ends.tell('call_1')).toBe(true);
    expect(await told).toEqual({ end: true });
    expect(await ask('call_1')).toEqual({ end: true });
  });

  it('knows that a process that is gone does not wait', () => {
    const { ends, ask } = setUp();
    const gone = new AbortController();
    void ask('call_1', gone.signal);
    gone.abort();
    expect(ends.tell('call_1')).toBe(false);
  });

  it('lets a process ask again after a while', async () => {
    vi.useFakeTimers();
    try {
      const { ask } = setUp();
      const first = ask('call_1');
      vi.advanceTimersByTime(20_000);
      expect(await first).toEqual({ end: false });
    } finally {
      vi.useRealTimers();
    }
  });
});
