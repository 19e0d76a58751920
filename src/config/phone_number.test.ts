import { expect, test } from 'vitest';
import { toE164 } from './phone_number.ts';

test.each([
  ['+15550100000', '+15550100000'],
  [' +1 (555) 010-0000 ', '+15550100000'],
  ['+44 20 7946 0000', '+442079460000'],
  ['+15550100000;ext=12', '+15550100000'],
  ['15550100000', '+15550100000'],
])('%s is %s', (text, e164) => {
  expect(toE164(text)).toBe(e164);
});

test.each(['', '+', 'anonymous', '+anonymous', 'sip:alice', '100', '5550100000', '02079460000'])(
  '%j is no number',
  (text) => {
    expect(toE164(text)).toBeNull();
  },
);

test('numbers that carriers send for withheld ones are none', () => {
  expect(toE164('+266696687')).toBeNull(); // ANONYMOUS on a keypad
  expect(toE164('+86282452253')).toBeNull(); // UNAVAILABLE
});

test('a number without its plus is read as the country at the other end would', () => {
  expect(toE164('5550100001', { near: '+15550100000' })).toBe('+15550100001');
  expect(toE164('11987654321', { near: '+551130000000' })).toBe('+5511987654321');
  expect(toE164('5511987654321', { near: '+551130000000' })).toBe('+5511987654321');
  expect(toE164('02079460000', { near: '+442079460001' })).toBe('+442079460000');
  expect(toE164('anonymous', { near: '+15550100000' })).toBeNull();
  expect(toE164('+442079460000', { near: '+15550100000' })).toBe('+442079460000');
});
