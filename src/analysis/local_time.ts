/**
 * A moment as a clock on a wall shows it, with what a model needs to work out "tomorrow at ten":
 * `Sunday, 2026-03-01T10:00:00+01:00 (Europe/Berlin)`.
 */
export function localTime(ms: number, timeZone: string): string {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone,
    weekday: 'long',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'longOffset',
  }).formatToParts(ms);
  const part = (type: Intl.DateTimeFormatPartTypes) =>
    parts.find((one) => one.type === type)?.value ?? '';
  // `GMT+01:00`; in UTC itself `GMT`.
  const offset = part('timeZoneName').slice('GMT'.length) || '+00:00';
  const date = `${part('year')}-${part('month')}-${part('day')}`;
  const time = `${part('hour')}:${part('minute')}:${part('second')}`;
  return `${part('weekday')}, ${date}T${time}${offset} (${timeZone})`;
}
