import { expect, it } from 'vitest';
import { type DialCapacityOptions, dialCapacity } from './dial_capacity.ts';

function capacity({ outboundCalls, ...options }: Partial<DialCapacityOptions> = {}) {
  const begun: string[] = [...(outboundCalls?.() ?? [])];
  const one = dialCapacity({
    ready: () => true,
    inboundCalls: () => 0,
    outboundCalls: () => begun,
    maxCalls: 10,
    inboundReserve: 2,
    trunkCalls: 10,
    trunkCallsPerSecond: 100,
    clock: () => 0,
    ...options,
  });
  return { ...one, begun };
}

/** How many of these may be dialled, each handed to a process before the next one asks. */
function taken(one: ReturnType<typeof capacity>, calls: number): number {
  let count = 0;
  for (let i = 0; i < calls; i++) {
    const place = one.reserve(`call_${i}`);
    if (!place.ok) continue;
    count += 1;
    one.begun.push(`call_${i}`);
    place.release();
  }
  return count;
}

it('dials nothing before LiveKit knows the worker', () => {
  expect(taken(capacity({ ready: () => false }), 3)).toBe(0);
});

it('leaves the slots that are kept for callers, and those that calls have', () => {
  expect(taken(capacity(), 20)).toBe(8);
  expect(taken(capacity({ inboundCalls: () => 5 }), 20)).toBe(3);
  expect(taken(capacity({ inboundReserve: 10 }), 20)).toBe(0);
  expect(taken(capacity({ outboundCalls: () => ['call_a', 'call_b'] }), 20)).toBe(6);
});

it('counts a call that is handed over once, also when its process is there already', () => {
  const one = capacity({ maxCalls: 4, outboundCalls: () => ['call_0'] });
  expect(one.reserve('call_0').ok).toBe(true);
  expect(one.reserve('call_1').ok).toBe(true);
  expect(one.reserve('call_2').ok).toBe(false);
});

it('has room again when a call has been handed over', () => {
  const one = capacity({ maxCalls: 3 });
  const place = one.reserve('call_0');
  expect(one.reserve('call_1')).toMatchObject({ ok: false });
  if (place.ok) place.release();
  expect(one.reserve('call_1').ok).toBe(true);
});

it('hands over two at once, for there are processes for no more', () => {
  const one = capacity();
  const first = one.reserve('call_0');
  expect(one.reserve('call_1').ok).toBe(true);
  expect(one.reserve('call_2').ok).toBe(false);
  if (first.ok) first.release();
  expect(one.reserve('call_2').ok).toBe(true);
  expect(one.reserve('call_3')).toEqual({ ok: false, againInMs: 250 });
});

it('keeps to what the trunk carries', () => {
  expect(taken(capacity({ trunkCalls: 3 }), 20)).toBe(3);
});

it('keeps to what the trunk takes a second, and says when to ask again', () => {
  let now = 0;
  const one = capacity({ trunkCallsPerSecond: 2, clock: () => now });
  expect(taken(one, 5)).toBe(2);
  expect(one.reserve('call_x')).toEqual({ ok: false, againInMs: 500 });
  now = 500;
  expect(one.reserve('call_x').ok).toBe(true);
  expect(one.reserve('call_y').ok).toBe(false);
  // A clock that is set back gives nothing away.
  now = 0;
  expect(one.reserve('call_y').ok).toBe(false);
});

it('takes one every few seconds where the trunk is that slow', () => {
  let now = 0;
  const one = capacity({ trunkCallsPerSecond: 0.2, clock: () => now });
  expect(taken(one, 3)).toBe(1);
  expect(one.reserve('call_x')).toEqual({ ok: false, againInMs: 5_000 });
  now = 5_000;
  expect(one.reserve('call_x').ok).toBe(true);
});
