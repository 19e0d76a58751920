import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { lastWordsHeard } from './last_words.ts';
import { CALLER, type FakeLiveCall, fakeLiveCall } from './testing/fake_live_call.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Whether the last words count as heard now. */
async function heard(wait: Promise<void>): Promise<boolean> {
  let over = false;
  wait.then(() => {
    over = true;
  });
  await vi.advanceTimersByTimeAsync(0);
  return over;
}

function clean({ room }: FakeLiveCall): void {
  expect(room.listening).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
}

describe('what was said last', () => {
  it('has reached the phone after the way there', async () => {
    const fake = fakeLiveCall();
    const wait = lastWordsHeard(fake.call);
    await vi.advanceTimersByTimeAsync(499);
    expect(await heard(wait)).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await heard(wait)).toBe(true);
    clean(fake);
  });

  it('is not waited for when the phone leaves, or the room', async () => {
    const left = fakeLiveCall();
    const wait = lastWordsHeard(left.call);
    left.room.leave(CALLER);
    expect(await heard(wait)).toBe(true);
    clean(left);
    const closed = fakeLiveCall();
    const other = lastWordsHeard(closed.call);
    closed.room.close();
    expect(await heard(other)).toBe(true);
    clean(closed);
  });

  it('is not waited for when somebody else leaves', async () => {
    const fake = fakeLiveCall();
    fake.room.join('sip_other');
    const wait = lastWordsHeard(fake.call);
    fake.room.leave('sip_other');
    expect(await heard(wait)).toBe(false);
  });

  it('is nothing where nobody listens', async () => {
    const gone = fakeLiveCall();
    gone.room.leave(CALLER);
    expect(await heard(lastWordsHeard(gone.call))).toBe(true);
    clean(gone);
    const ringing = fakeLiveCall();
    delete ringing.call.answeredAt;
    expect(await heard(lastWordsHeard(ringing.call))).toBe(true);
    clean(ringing);
  });
});
