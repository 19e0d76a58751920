import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeRoom } from '../telephony/testing/fake_room.ts';
import { watchKeypad } from './keypad.ts';

const CALLER = 'sip_+15550100001';

let room: FakeRoom;
let call: AbortController;
let keyed: string[];
beforeEach(() => {
  vi.useFakeTimers();
  room = new FakeRoom();
  call = new AbortController();
  keyed = [];
  watchKeypad(room.room, CALLER, call.signal).follow((keys) => keyed.push(keys));
});
afterEach(() => {
  vi.useRealTimers();
});

describe('what the caller keys in', () => {
  it('is given as a whole after a pause', () => {
    room.press(CALLER, '12');
    vi.advanceTimersByTime(1_999);
    room.press(CALLER, '3');
    vi.advanceTimersByTime(1_999);
    expect(keyed).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(keyed).toEqual(['123']);
  });

  it('is given at once behind a #', () => {
    room.press(CALLER, '12#');
    expect(keyed).toEqual(['12#']);
    vi.advanceTimersByTime(10_000);
    expect(keyed).toEqual(['12#']);
  });

  it('begins anew after each group', () => {
    room.press(CALLER, '1#');
    room.press(CALLER, '2');
    vi.advanceTimersByTime(2_000);
    expect(keyed).toEqual(['1#', '2']);
  });

  it('is kept until somebody follows', () => {
    const keypad = watchKeypad(room.room, CALLER, call.signal);
    room.press(CALLER, '1#2#3');
    const followed: string[] = [];
    keypad.follow((keys) => followed.push(keys));
    expect(followed).toEqual(['1#', '2#']);
    room.press(CALLER, '4#');
    expect(followed).toEqual(['1#', '2#', '34#']);
  });

  it('is not what anybody else in the room keys in', () => {
    room.press('sip_other', '1#');
    expect(keyed).toEqual([]);
  });

  it('is of no interest when the call is over', () => {
    room.press(CALLER, '1');
    call.abort();
    room.press(CALLER, '2#');
    vi.advanceTimersByTime(10_000);
    expect(keyed).toEqual([]);
    expect(room.listening).toBe(0);
  });
});
