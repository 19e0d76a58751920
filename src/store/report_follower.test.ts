import { afterEach, describe, expect, it, vi } from 'vitest';
import { ReportFollower } from './report_follower.ts';
import { ReportInbox } from './report_inbox.ts';

interface Turn {
  from: number;
  to: number;
}

describe('ReportFollower', () => {
  let follower: ReportFollower | undefined;
  afterEach(() => follower?.close());

  function followerOf(
    count: number,
    follow: (
      positions: readonly number[],
      inbox: ReportInbox,
      isEnough: () => Promise<boolean>,
    ) => Promise<void>,
    isPressed = () => false,
  ) {
    const inbox = new ReportInbox();
    const reports = Array.from({ length: count }, (_, i) => i + 1);
    inbox.keep(reports.map((n) => ({ position: n, callId: `call_${n}`, key: `glue ${n}` })));
    follower = new ReportFollower({
      inbox,
      follow: (positions, isEnough) => follow(positions, inbox, isEnough),
      isPressed: () => Promise.resolve(isPressed()),
      inBackground: (work) => work(),
      retryMs: 1,
    });
    follower.wake();
    return inbox;
  }

  it('follows all in their order, some at a time', async () => {
    const batches: number[][] = [];
    const inbox = followerOf(20, (positions, of) => {
      batches.push([...positions]);
      of.forget(positions);
      return Promise.resolve();
    });
    await vi.waitFor(() => expect(inbox.next(1)).toEqual([]));
    expect(batches.map(({ length }) => length)).toEqual([16, 4]);
    expect(batches.flat()).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  });

  it('leaves the store to those who wait for it, for longer than it takes it itself', async () => {
    const turns: { from: number; to: number }[] = [];
    let pressed = true;
    const inbox = followerOf(
      6,
      async (positions, of, isEnough) => {
        const from = performance.now();
        await new Promise((resolve) => setTimeout(resolve, 5));
        const done = (await isEnough()) ? positions.slice(0, 1) : positions;
        of.forget(done);
        turns.push({ from, to: performance.now() });
        pressed = turns.length < 3;
      },
      () => pressed,
    );
    await vi.waitFor(() => expect(inbox.size).toBe(0));
    expect(turns).toHaveLength(4);
    const [first, second, third, last] = turns as [Turn, Turn, Turn, Turn];
    for (const [before, after] of [
      [first, second],
      [second, third],
      [third, last],
    ] as const) {
      expect(after.from - before.to).toBeGreaterThan(3 * (before.to - before.from));
    }
  });

  it('goes on behind one that cannot be followed, and loses nothing while the store fails', async () => {
    let down = 3;
    const done: number[] = [];
    const inbox = followerOf(20, (positions, of) => {
      if (down-- > 0) return Promise.reject(new Error('the disk is full'));
      if (positions.includes(2)) return Promise.reject(new Error('a fault of ours'));
      done.push(...positions);
      of.forget(positions);
      return Promise.resolve();
    });
    await vi.waitFor(() => expect(done).toHaveLength(19));
    expect(inbox.next(5)).toEqual([2]);
    expect(new Set(done).size).toBe(19);
  });

  it('leaves what is not followed yet where it is when it is closed', async () => {
    const first = Promise.withResolvers<void>();
    const inbox = followerOf(20, async (positions, of) => {
      await first.promise;
      of.forget(positions);
    });
    const closed = follower?.close();
    first.resolve();
    await closed;
    expect(inbox.next(20)).toHaveLength(4);
  });
});
