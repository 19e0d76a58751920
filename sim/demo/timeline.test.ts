import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Timeline } from './timeline.ts';

let lines: string[];
let timeline: Timeline;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  lines = [];
  timeline = new Timeline((line) => lines.push(stripVTControlCharacters(line)));
});
afterEach(() => vi.useRealTimers());

it('prints in the order in which it happened, not in which it was heard of', async () => {
  timeline.begin(1_000_000);
  timeline.add({ at: 1_000_300, source: 'phone', text: 'second' });
  await vi.advanceTimersByTimeAsync(350);
  timeline.add({ at: 1_000_200, source: 'worker', text: 'first' });
  expect(lines).toEqual([]);
  await vi.advanceTimersByTimeAsync(400);
  expect(lines).toEqual(['   0.200  worker  first', '   0.300  phone   second']);
});

it('counts the time of each call from its own beginning, and numbers the later ones', () => {
  timeline.begin(1_000_000);
  timeline.name('call_a');
  timeline.begin(1_060_000, 'call_b');
  timeline.add({ at: 1_061_500, call: 'call_b', source: 'agent', text: 'Hello' });
  timeline.add({ at: 1_062_000, call: 'call_a', source: 'agent', text: 'Bye' });
  timeline.add({ at: 1_063_000, source: 'crm', text: 'of no call' });
  timeline.end();
  expect(lines).toEqual([
    '   1.500  agent  call 2  Hello',
    '  62.000  agent   Bye',
    '   3.000  crm    call 2  of no call',
  ]);
});

it('prints what is left when it ends', () => {
  timeline.begin(1_000_000);
  timeline.add({ at: 1_000_100, source: 'event', text: 'x' });
  timeline.end();
  expect(lines).toEqual(['   0.100  event   x']);
});
