/**
 * The hours of the day at which people may be called, on the clock where they are. In minutes of the
 * day, the last one no longer belongs to it; with `from` behind `to` it goes over midnight.
 */
export interface CallingWindow {
  fromMinute: number;
  toMinute: number;
}

const DAY_MINUTES = 24 * 60;

/**
 * Reads `08:00-21:00`; `24:00` is the end of the day. `null` for anything else, also for a window
 * that ends where it begins: nobody can tell whether that is all day or never.
 */
export function parseCallingWindow(text: string): CallingWindow | null {
  const match = /^(\d\d):(\d\d) ?[-–] ?(\d\d):(\d\d)$/.exec(text.trim());
  if (!match) return null;
  const [fromHour = 0, fromRest = 0, toHour = 0, toRest = 0] = match.slice(1).map(Number);
  const fromMinute = fromHour * 60 + fromRest;
  const toMinute = toHour * 60 + toRest;
  if (fromRest > 59 || toRest > 59 || fromMinute >= DAY_MINUTES || toMinute > DAY_MINUTES) {
    return null;
  }
  if (fromMinute === toMinute) return null;
  return { fromMinute, toMinute };
}

/** As it is written: `08:00-21:00`. */
export function formatCallingWindow({ fromMinute, toMinute }: CallingWindow): string {
  return `${clockTime(fromMinute)}-${clockTime(toMinute)}`;
}

/** `21:05` */
export function clockTime(minute: number): string {
  const digits = (value: number) => String(value).padStart(2, '0');
  return `${digits(Math.floor(minute / 60))}:${digits(minute % 60)}`;
}
