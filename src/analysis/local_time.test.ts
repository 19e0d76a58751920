import { expect, it } from 'vitest';
import { localTime } from './local_time.ts';

const MOMENT = Date.UTC(2026, 6, 1, 22, 30);

it.each([
  ['UTC', 'Wednesday, 2026-07-01T22:30:00+00:00 (UTC)'],
  ['Europe/Berlin', 'Thursday, 2026-07-02T00:30:00+02:00 (Europe/Berlin)'],
  ['America/St_Johns', 'Wednesday, 2026-07-01T20:00:00-02:30 (America/St_Johns)'],
])('shows the clock of %s', (zone, shown) => expect(localTime(MOMENT, zone)).toBe(shown));
