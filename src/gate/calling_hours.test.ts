import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { type CallingWindow, parseCallingWindow } from '../config/calling_window.ts';
import { firstCommonOpening, judgeHours } from './calling_hours.ts';

const QUARTER_MS = 15 * 60_000;

function window(text: string): CallingWindow {
  const parsed = parseCallingWindow(text);
  if (!parsed) throw new Error(`${text} is no window`);
  return parsed;
}

const NINE_TO_FIVE = window('09:00-17:00');
const DAYTIME = window('08:00-21:00');

/** The instant, as a test reads best. */
function opening(zones: readonly string[], text: string, at: string): string | null {
  const next = firstCommonOpening(zones, window(text), Date.parse(at));
  return next === null ? null : new Date(next).toISOString();
}

describe('a number’s hours', () => {
  it.each([
    ['+12125550100', '2026-11-24T12:59:59.999Z', false, '2026-11-24T13:00:00.000Z'],
    ['+12125550100', '2026-11-24T13:00:00.000Z', true, '2026-11-24T13:00:00.000Z'],
    ['+12125550100', '2026-11-25T01:59:59.999Z', true, '2026-11-25T01:59:59.999Z'],
    ['+12125550100', '2026-11-25T02:00:00.000Z', false, '2026-11-25T13:00:00.000Z'],
    ['+13105550100', '2026-11-24T15:30:00.000Z', false, '2026-11-24T16:00:00.000Z'],
    ['+442079460000', '2026-07-01T20:30:00.000Z', false, '2026-07-02T07:00:00.000Z'],
    ['+442079460000', '2026-12-01T20:30:00.000Z', true, '2026-12-01T20:30:00.000Z'],
  ])('%s at %s: %s, next %s', (number, at, allowed, next) => {
    const judgement = judgeHours(number, DAYTIME, Date.parse(at));
    expect(judgement).toMatchObject({ allowed, place: 'region', nextAllowedAt: Date.parse(next) });
  });

  it('are those of all the zones that it may be in', () => {
    // 15:00 in New York, and five in the morning of the next day on Guam.
    const at = Date.parse('2026-11-24T20:00:00Z');
    expect(judgeHours('+12125550100', DAYTIME, at).allowed).toBe(true);
    const unknown = judgeHours('+15550100000', DAYTIME, at);
    expect(unknown).toMatchObject({
      allowed: false,
      place: 'country',
      refusedIn: { localTime: expect.stringMatching(/^\d\d:\d\d$/) },
      nextAllowedAt: Date.parse('2026-11-24T22:00:00Z'),
    });
    expect(unknown.zones).toBeGreaterThan(50);
    const then = judgeHours('+15550100000', DAYTIME, unknown.nextAllowedAt ?? 0);
    expect(then).toMatchObject({ allowed: true });
    expect(then).not.toHaveProperty('refusedIn');
  });

  it('never come where the zones are too far apart for the window', () => {
    const at = Date.parse('2026-11-24T20:00:00Z');
    expect(judgeHours('+15550100000', NINE_TO_FIVE, at)).toMatchObject({
      allowed: false,
      nextAllowedAt: null,
    });
  });

  it('never come for a number of no country', () => {
    expect(judgeHours('+80012345678', window('00:00-24:00'), Date.now())).toEqual({
      allowed: false,
      place: 'nowhere',
      zones: 0,
      nextAllowedAt: null,
    });
  });
});

describe('an opening', () => {
  it('is in the hour that summer time leaves out', () => {
    // New York goes from 02:00 to 03:00 on 8 March 2026, at 07:00 UTC.
    const zone = ['America/New_York'];
    expect(opening(zone, '02:30-05:00', '2026-03-08T06:00:00Z')).toBe('2026-03-08T07:00:00.000Z');
    expect(opening(zone, '02:15-02:45', '2026-03-08T06:00:00Z')).toBe('2026-03-09T06:15:00.000Z');
    expect(opening(zone, '08:00-21:00', '2026-03-08T06:00:00Z')).toBe('2026-03-08T12:00:00.000Z');
  });

  it('comes twice in the hour that winter time repeats', () => {
    // New York goes from 02:00 back to 01:00 on 1 November 2026, at 06:00 UTC.
    const zone = ['America/New_York'];
    expect(opening(zone, '01:00-01:30', '2026-11-01T05:10:00Z')).toBe('2026-11-01T05:10:00.000Z');
    expect(opening(zone, '01:00-01:30', '2026-11-01T05:30:00Z')).toBe('2026-11-01T06:00:00.000Z');
    expect(opening(zone, '01:00-01:30', '2026-11-01T06:30:00Z')).toBe('2026-11-02T06:00:00.000Z');
  });

  it('may lie behind midnight, and the window go over it', () => {
    expect(opening(['Europe/London'], '22:00-06:00', '2026-12-01T02:00:00Z')).toBe(
      '2026-12-01T02:00:00.000Z',
    );
    expect(opening(['Europe/London'], '22:00-06:00', '2026-12-01T06:00:00Z')).toBe(
      '2026-12-01T22:00:00.000Z',
    );
  });

  it('is at the minute in zones with odd offsets', () => {
    const zones = ['Asia/Kathmandu', 'Australia/Lord_Howe'];
    expect(opening(zones, '08:00-21:00', '2026-06-01T12:00:00Z')).toBe('2026-06-02T02:15:00.000Z');
  });
});

/** Judged by what Intl says the clocks show, minute by minute: nothing of the code above. */
function allowedByTheClock(zones: readonly string[], w: CallingWindow, at: number): boolean {
  return zones.every((timeZone) => {
    const shown = new Intl.DateTimeFormat('en-GB', {
      timeZone,
      hour: '2-digit',
      minute: '2-digit',
    });
    const [hour = 0, minute = 0] = shown.format(at).split(':').map(Number);
    const now = (hour % 24) * 60 + minute;
    return w.fromMinute < w.toMinute
      ? now >= w.fromMinute && now < w.toMinute
      : now >= w.fromMinute || now < w.toMinute;
  });
}

const ZONES = [
  ...['America/New_York', 'America/St_Johns', 'America/Phoenix', 'Pacific/Honolulu'],
  ...['Europe/London', 'Africa/Casablanca', 'Asia/Kathmandu', 'Asia/Kamchatka'],
  ...['Australia/Lord_Howe', 'Pacific/Auckland', 'Pacific/Kiritimati', 'Pacific/Pago_Pago'],
];
// Around the changes of the clocks as well as anywhere in two years.
const CHANGES = [
  '2026-03-08T07:00Z',
  '2026-11-01T06:00Z',
  '2026-10-25T01:00Z',
  '2026-04-04T15:00Z',
];
const instants = fc.oneof(
  fc.integer({ min: Date.parse('2026-01-01'), max: Date.parse('2028-01-01') }),
  fc
    .tuple(fc.constantFrom(...CHANGES), fc.integer({ min: -86_400_000, max: 86_400_000 }))
    .map(([change, offset]) => Date.parse(change) + offset),
);
const quarters = fc.integer({ min: 0, max: 95 }).map((quarter) => quarter * 15);
const windows = fc
  .tuple(quarters, quarters)
  .filter(([from, to]) => from !== to)
  .map(([fromMinute, toMinute]) => ({ fromMinute, toMinute }));

test('the first opening is allowed by every clock, and nothing before it is', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.constantFrom(...ZONES), { minLength: 1, maxLength: 3 }),
      windows,
      instants,
      (zones, w, at) => {
        const next = firstCommonOpening(zones, w, at);
        // Offsets and windows are multiples of a quarter of an hour, so nothing changes within one.
        const end = next ?? at + 2 * 86_400_000;
        for (let before = at; before < end; before = nextQuarter(before)) {
          expect(allowedByTheClock(zones, w, before)).toBe(false);
        }
        if (next === null) return;
        expect(allowedByTheClock(zones, w, next)).toBe(true);
        expect(next === at || next % 60_000 === 0).toBe(true);
      },
    ),
    { numRuns: 150 },
  );
});

function nextQuarter(at: number): number {
  return (Math.floor(at / QUARTER_MS) + 1) * QUARTER_MS;
}
