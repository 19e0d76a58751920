const MINUTE_MS = 60_000;

/** Making one costs a hundred times what using it does. */
const formats = new Map<string, Intl.DateTimeFormat>();

/**
 * Milliseconds that the clocks of an IANA zone are ahead of UTC at an instant, by Node's time zone
 * data. (A polyfill of Temporal would say so as well, and took 0.8 s to find the changes of the
 * clocks in the 75 zones that a number like +1 555… may be in.)
 */
export function offsetAt(zone: string, at: number): number {
  const [, month = 0, day = 0, year = 0, hour = 0, minute = 0, second = 0] =
    /^(\d+)\/(\d+)\/(\d+), (\d+):(\d+):(\d+)$/.exec(format(zone).format(at))?.map(Number) ?? [];
  const shown = Date.UTC(year, month - 1, day, hour, minute, second);
  return shown - Math.floor(at / 1_000) * 1_000;
}

/**
 * The instant in `(from, to]` at which the clocks of the zone are changed; `null` where they show
 * the same offset at both ends. For spans of about a day: clocks are not changed twice in one.
 */
export function clockChange(zone: string, from: number, to: number): number | null {
  const offset = offsetAt(zone, from);
  if (offsetAt(zone, to) === offset) return null;
  // They are changed at full minutes.
  let before = Math.floor(from / MINUTE_MS);
  let after = Math.ceil(to / MINUTE_MS);
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (offsetAt(zone, middle * MINUTE_MS) === offset) before = middle;
    else after = middle;
  }
  return after * MINUTE_MS;
}

function format(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(timeZone, format);
  }
  return format;
}
