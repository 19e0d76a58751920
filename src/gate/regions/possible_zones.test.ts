import { expect, test } from 'vitest';
import table from '../tables/time_zones.json' with { type: 'json' };
import { possibleZones } from './possible_zones.ts';

test.each([
  ['+12125550100', 'America/New_York'],
  ['+13105550100', 'America/Los_Angeles'],
  ['+16025550100', 'America/Phoenix'],
  ['+18085550100', 'Pacific/Honolulu'],
  ['+17875550100', 'America/Puerto_Rico'],
  ['+442079460000', 'Europe/London'],
  ['+551130000000', 'America/Sao_Paulo'],
  ['+5511987654321', 'America/Sao_Paulo'], // mobile numbers have area codes in Brazil
])('the phone of %s is in %s', (number, zone) => {
  expect(possibleZones(number)).toEqual({ place: 'region', zones: [zone] });
});

test('the phone of a number may be in several zones of its region', () => {
  const { place, zones } = possibleZones('+12705550100'); // Kentucky is on both sides of the line
  expect(place).toBe('region');
  expect(zones.length).toBeGreaterThan(1);
});

test.each([
  ['+15550100000', ['America/New_York', 'Pacific/Honolulu', 'America/Toronto', 'Pacific/Guam']],
  ['+18005550100', ['America/New_York', 'Pacific/Honolulu', 'America/Toronto', 'Pacific/Guam']],
  ['+19115550100', ['America/New_York', 'Pacific/Honolulu']],
  ['+61412345678', ['Australia/Sydney', 'Australia/Perth', 'Australia/Adelaide']],
  ['+79161234567', ['Europe/Kaliningrad', 'Europe/Moscow', 'Asia/Kamchatka']],
  ['+34612345678', ['Europe/Madrid', 'Atlantic/Canary']],
])('the phone of %s may be anywhere in its country, %j among others', (number, some) => {
  const { place, zones } = possibleZones(number);
  expect(place).toBe('country');
  expect(zones).toEqual(expect.arrayContaining(some));
});

test('a mobile of a country that shares its calling code is in that country', () => {
  expect(possibleZones('+79161234567').zones).not.toContain('Asia/Almaty');
});

// libphonenumber alone names Atlantic/Canary, Europe/Paris, Europe/Bucharest, America/Chicago and
// Europe/Bucharest for these: zones that are an hour off for half of the year.
test.each([
  ['+212612345678', ['Africa/Casablanca']],
  ['+213551234567', ['Africa/Algiers']],
  ['+970599123456', ['Asia/Gaza', 'Asia/Hebron']],
  ['+50581234567', ['America/Managua']],
  ['+218912345678', ['Africa/Tripoli']],
])('%s keeps the hours of its own country', (number, own) => {
  const { zones } = possibleZones(number);
  expect(zones).toEqual(expect.arrayContaining(own));
  const others = ['Atlantic/Canary', 'Europe/Paris', 'Europe/Bucharest', 'America/Chicago'];
  expect(zones.filter((zone) => others.includes(zone))).toEqual([]);
});

test('a number of no country is nowhere', () => {
  expect(possibleZones('+80012345678')).toEqual({ place: 'nowhere', zones: [] });
  expect(possibleZones('nonsense')).toEqual({ place: 'nowhere', zones: [] });
});

test('every zone of the tables is known to Node', () => {
  const zones = [...Object.values(table.territories).flat(), ...Object.keys(table.ranges)].flatMap(
    (names) => names.split(' '),
  );
  expect(new Set(zones).size).toBeGreaterThan(300);
  for (const timeZone of new Set(zones)) {
    expect(() => new Intl.DateTimeFormat('en', { timeZone }), timeZone).not.toThrow();
  }
});
