import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type SilencePolicy, watchSilence } from './silence.ts';
import { FakeSession } from './testing/fake_session.ts';

let line: FakeSession;
let call: AbortController;
let happened: string[];
beforeEach(() => {
  vi.useFakeTimers();
  line = new FakeSession();
  call = new AbortController();
  happened = [];
});
afterEach(() => {
  vi.useRealTimers();
});

function watch(policy: Partial<SilencePolicy> = {}): void {
  watchSilence(
    line.session,
    { promptAfterMs: 20_000, hangUpAfterMs: 60_000, ...policy },
    { prompt: () => happened.push('prompt'), hangUp: () => happened.push('hang up') },
    call.signal,
  );
}

function pass(seconds: number): void {
  vi.advanceTimersByTime(seconds * 1_000);
}

/** The agent says something that takes this long. */
function agentSpeaks(seconds: number): void {
  line.agent('speaking');
  pass(seconds);
  line.agent('listening');
}

describe('a silent line', () => {
  it('is asked once, then hung up on', () => {
    watch();
    pass(19);
    expect(happened).toEqual([]);
    pass(1);
    expect(happened).toEqual(['prompt']);
    pass(39);
    expect(happened).toEqual(['prompt']);
    pass(1);
    expect(happened).toEqual(['prompt', 'hang up']);
  });

  it('counts from the agent’s last word', () => {
    watch();
    pass(15);
    agentSpeaks(10);
    pass(19);
    expect(happened).toEqual([]);
    pass(1);
    expect(happened).toEqual(['prompt']);
  });

  it('counts from the caller’s last word', () => {
    watch();
    pass(15);
    line.user('speaking');
    pass(10);
    line.user('listening');
    pass(19);
    expect(happened).toEqual([]);
    pass(1);
    expect(happened).toEqual(['prompt']);
  });

  it('is still silent while the agent asks whether anybody is there', () => {
    watch();
    pass(20);
    agentSpeaks(3);
    pass(36);
    expect(happened).toEqual(['prompt']);
    pass(1);
    expect(happened).toEqual(['prompt', 'hang up']);
  });

  it('is none any more once the caller answers, and is asked anew after that', () => {
    watch();
    pass(20);
    line.user('speaking');
    line.user('listening');
    pass(19);
    expect(happened).toEqual(['prompt']);
    pass(1);
    expect(happened).toEqual(['prompt', 'prompt']);
    pass(40);
    expect(happened).toEqual(['prompt', 'prompt', 'hang up']);
  });

  it('is not silent while the model thinks', () => {
    watch();
    pass(10);
    line.agent('thinking');
    pass(100);
    expect(happened).toEqual([]);
  });

  // The goodbye changes the agent's state, the watch found the line still silent, and hung up
  // again: each goodbye interrupted the one before, and the caller heard none.
  it('is hung up on once, whatever the goodbye does', () => {
    watch();
    pass(60);
    line.agent('thinking');
    agentSpeaks(2);
    pass(200);
    expect(happened).toEqual(['prompt', 'hang up']);
  });

  it('is asked and hung up on anew when the caller comes back into the goodbye', () => {
    watch();
    pass(60);
    line.agent('speaking');
    line.user('speaking');
    line.agent('listening');
    line.user('listening');
    pass(19);
    expect(happened).toEqual(['prompt', 'hang up']);
    pass(41);
    expect(happened).toEqual(['prompt', 'hang up', 'prompt', 'hang up']);
  });
});

describe('the policy', () => {
  it('may ask and never hang up', () => {
    watch({ hangUpAfterMs: null });
    pass(1_000);
    expect(happened).toEqual(['prompt']);
  });

  it('may hang up without asking', () => {
    watch({ promptAfterMs: null });
    pass(60);
    expect(happened).toEqual(['hang up']);
  });

  it('may leave the line alone', () => {
    watch({ promptAfterMs: null, hangUpAfterMs: null });
    pass(1_000);
    expect(happened).toEqual([]);
    expect(line.listening).toBe(0);
  });

  it('ends with the call', () => {
    watch();
    call.abort();
    line.agent('speaking');
    line.agent('listening');
    pass(1_000);
    expect(happened).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
