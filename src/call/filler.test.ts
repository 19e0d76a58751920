import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Announcer } from './announcer.ts';
import { Filler } from './filler.ts';
import { FakeSession } from './testing/fake_session.ts';

let line: FakeSession;
let call: AbortController;
let filler: Filler;
beforeEach(() => {
  vi.useFakeTimers();
  line = new FakeSession();
  line.agent('thinking');
  call = new AbortController();
  const announcer = new Announcer(line.session, call.signal, pino({ level: 'silent' }));
  filler = new Filler(line.session, announcer, call.signal);
});
afterEach(() => void vi.useRealTimers());

const passes = (ms: number) => vi.advanceTimersByTimeAsync(ms);

describe('while a tool waits', () => {
  it('nothing is said of a short wait', async () => {
    const end = filler.begin();
    await passes(1_400);
    end();
    await passes(20_000);
    expect(line.speeches).toEqual([]);
    expect(line.listening).toBe(0);
  });

  it('a few words are said after 1.5 s, without tools, and again much later', async () => {
    const end = filler.begin();
    await passes(1_500);
    expect(line.speeches).toHaveLength(1);
    expect(line.speeches[0]?.request).toMatchObject({ toolChoice: 'none' });
    line.agent('speaking');
    await passes(1_000);
    line.agent('thinking');
    line.speeches[0]?.played();
    await passes(7_900);
    expect(line.speeches).toHaveLength(1);
    await passes(200);
    expect(line.speeches).toHaveLength(2);
    end();
    line.speeches[1]?.played();
    await passes(20_000);
    expect(line.speeches).toHaveLength(2);
    expect(line.listening).toBe(0);
  });

  it('nobody is spoken over: the wait begins behind what either side says', async () => {
    line.agent('speaking');
    const end = filler.begin();
    await passes(5_000);
    line.agent('thinking');
    await passes(1_000);
    line.user('speaking');
    await passes(3_000);
    line.user('listening');
    await passes(1_400);
    expect(line.speeches).toEqual([]);
    await passes(100);
    expect(line.speeches).toHaveLength(1);
    end();
  });

  it('several tools are waited for with the same words', async () => {
    const first = filler.begin();
    const second = filler.begin();
    await passes(1_500);
    expect(line.speeches).toHaveLength(1);
    first();
    line.speeches[0]?.cutOff();
    await passes(8_000);
    expect(line.speeches).toHaveLength(2);
    second();
  });

  it('nothing is said behind the end of the call', async () => {
    filler.begin();
    call.abort();
    await passes(20_000);
    expect(line.speeches).toEqual([]);
  });
});
