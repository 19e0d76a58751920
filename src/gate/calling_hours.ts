import { type CallingWindow, clockTime } from '../config/calling_window.ts';
import { DAY_MS } from '../durations.ts';
import { type PossibleZones, possibleZones } from './regions/possible_zones.ts';
import { clockChange, offsetAt } from './regions/zone_clock.ts';

const MINUTE_MS = 60_000;
/** Zones that are too far apart for the window today are so in a week; only a change of the clocks helps. */
const LOOK_AHEAD_MS = 8 * DAY_MS;

export interface HoursJudgement {
  allowed: boolean;
  /** How closely the number's whereabouts are known. */
  place: PossibleZones['place'];
  /** In how many time zones the phone may be; all of them must allow the call. */
  zones: number;
  /** One that does not, and what its clocks show: `05:12`. */
  refusedIn?: { zone: string; localTime: string };
  /**
   * Milliseconds: the first instant from then on at which all zones allow the call. `null` where
   * there is none in the next eight days, because the zones are too far apart for the window or
   * none is known.
   */
  nextAllowedAt: number | null;
}

/** Whether a number may be called at an instant (milliseconds), on the clock of whoever answers. */
export function judgeHours(e164: string, window: CallingWindow, at: number): HoursJudgement {
  const { place, zones } = possibleZones(e164);
  const refusing = zones.find((zone) => !isOpen(zone, window, at));
  const nextAllowedAt = zones.length > 0 ? firstCommonOpening(zones, window, at) : null;
  return {
    allowed: nextAllowedAt === at,
    place,
    zones: zones.length,
    ...(refusing && { refusedIn: { zone: refusing, localTime: localTime(refusing, at) } }),
    nextAllowedAt,
  };
}

/**
 * The first instant from `at` on that lies in the window in every one of the zones; `null` where
 * there is none in the next eight days.
 */
export function firstCommonOpening(
  zones: readonly string[],
  window: CallingWindow,
  at: number,
): number | null {
  let candidate = at;
  // Each zone can only put the instant off, so the latest of their openings is the next candidate;
  // where none puts it off it is common to all.
  while (candidate <= at + LOOK_AHEAD_MS) {
    const latest = Math.max(...zones.map((zone) => nextOpening(zone, window, candidate)));
    if (latest === candidate) return candidate;
    candidate = latest;
  }
  return null;
}

function isOpen(zone: string, window: CallingWindow, at: number): boolean {
  return untilOpening(msOfDay(zone, at), window) === 0;
}

/**
 * The first instant from `at` on that is in the window there. Judged by what the clocks show: an
 * hour that is skipped opens with the next one, an hour that comes twice is open twice.
 */
function nextOpening(zone: string, window: CallingWindow, at: number): number {
  for (let from = at; ; ) {
    const opening = from + untilOpening(msOfDay(zone, from), window);
    const change = opening === from ? null : clockChange(zone, from, opening);
    if (change === null) return opening;
    from = change;
  }
}

/** Milliseconds from a time of the day to the window; 0 inside. */
function untilOpening(time: number, { fromMinute, toMinute }: CallingWindow): number {
  const from = fromMinute * MINUTE_MS;
  const length = modulo((toMinute - fromMinute) * MINUTE_MS, DAY_MS) || DAY_MS;
  const sinceOpening = modulo(time - from, DAY_MS);
  return sinceOpening < length ? 0 : DAY_MS - sinceOpening;
}

function msOfDay(zone: string, at: number): number {
  return modulo(at + offsetAt(zone, at), DAY_MS);
}

function localTime(zone: string, at: number): string {
  return clockTime(Math.floor(msOfDay(zone, at) / MINUTE_MS));
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}
