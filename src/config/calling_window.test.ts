import { expect, test } from 'vitest';
import { formatCallingWindow, parseCallingWindow } from './calling_window.ts';

test.each([
  ['08:00-21:00', 480, 1260],
  [' 09:30 - 17:05 ', 570, 1025],
  ['22:00-06:00', 1320, 360],
  ['00:00-24:00', 0, 1440],
  ['12:00–24:00', 720, 1440],
])('%s is read', (text, fromMinute, toMinute) => {
  expect(parseCallingWindow(text)).toEqual({ fromMinute, toMinute });
});

test.each([
  '',
  '8-21',
  '08:00',
  '08:00-08:00',
  '08:00-25:00',
  '08:60-21:00',
  '24:00-08:00',
  '08:00-24:01',
])('%j is no window', (text) => {
  expect(parseCallingWindow(text)).toBeNull();
});

test('a window is written as it is read', () => {
  for (const text of ['08:00-21:00', '22:05-06:00', '00:00-24:00']) {
    const window = parseCallingWindow(text);
    expect(window && formatCallingWindow(window)).toBe(text);
  }
});
