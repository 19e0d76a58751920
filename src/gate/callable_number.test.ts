import { expect, test } from 'vitest';
import { callableNumber } from './callable_number.ts';
import table from './tables/special_numbers.json' with { type: 'json' };

test.each([
  ['+15550100000', '+15550100000'], // possible, not valid: a number for tests
  [' +1 (555) 010-0000 ', '+15550100000'],
  ['15550100000', '+15550100000'],
  ['+15005550006', '+15005550006'],
  ['+18005550100', '+18005550100'],
  ['+442079460000', '+442079460000'],
  ['+447700900123', '+447700900123'],
  ['+4930123456', '+4930123456'],
  ['+33158012345', '+33158012345'], // begins with 15, the French ambulance
  ['+498912345678', '+498912345678'],
  ['+18769761234', '+18769761234'], // 976 is an ordinary exchange in Jamaica
  ['+29022222', '+29022222'], // a whole number on St Helena
  ['+6834000', '+6834000'],
  ['+80012345678', '+80012345678'],
])('%s is called as %s', (text, e164) => {
  expect(callableNumber(text)).toEqual({ ok: true, e164 });
});

test.each([
  ...['911', '112', '999', '000', '110', '+911', '+112', '+999', ' 911 ', '9 1 1'],
  ...['+1911', '+1 911', '+1112', '+44999', '+44 112', '+49110', '+49 112', '+33 15', '+3317'],
  ...['+420112', '+61000', '+91 112', '+55190', '+81110', '+7112'],
  '+19115550100', // 911 555 0100 for a trunk that drops the +1
])('%s is an emergency number', (text) => {
  expect(callableNumber(text)).toEqual({ ok: false, reason: 'emergency' });
});

test.each(['411', '12345', '118118', '+4911833', '+333939', '+14115550100', '+13115550100'])(
  '%s is a short code',
  (text) => {
    expect(callableNumber(text)).toEqual({ ok: false, reason: 'short_code' });
  },
);

test.each([
  ...[
    '+19002345678',
    '+19001234567',
    '+12129761234',
    '+14169761234',
    '+19765550100',
    '19002345678',
  ],
  ...['+449012345678', '+449812345678', '+448712345678', '+44871234567', '+448431234567'],
  ...['+499001123456', '+4990012345', '+491805123456', '+33899123456', '+39899123456'],
  ...['+81990123456', '+61190123456', '+611900123456', '+46939123456', '+529001234567'],
  ...['+80812345678', '+97912345678', '+979123456789'],
])('%s costs the caller extra', (text) => {
  expect(callableNumber(text)).toEqual({ ok: false, reason: 'premium_rate' });
});

test.each(['+870773111632', '+881612345678', '+88213123456', '+883510012345', '+8835100012345'])(
  '%s is a satellite phone or a network of no country',
  (text) => {
    expect(callableNumber(text)).toEqual({ ok: false, reason: 'satellite' });
  },
);

test.each([
  ...[
    '',
    ' ',
    '+',
    '+0',
    '1-911',
    'anonymous',
    'sip:alice@example.com',
    '+1555010000',
    '5550100000',
  ],
  ...['+155501000001', '02079460000', '+15550100000;ext=12', '+15550100000 x5', 'tel:+15550100000'],
  ...['+1 800 FLOWERS', '+15550100000,,911', '+15550100000;+19115550100', '+266696687'],
  '+99912345678', // no country has +999
])('%j is malformed', (text) => {
  expect(callableNumber(text)).toEqual({ ok: false, reason: 'malformed' });
});

test('no emergency number of any country passes, bare or behind its calling code', () => {
  const literal = /^\d{2,6}$/;
  let tried = 0;
  for (const [code, { emergency }] of Object.entries(table.callingCodes)) {
    const pattern = new RegExp(`^(?:${emergency || '(?!)'})$`);
    for (let number = 0; number < 1_000; number++) {
      for (const digits of [String(number), String(number).padStart(3, '0')]) {
        if (!literal.test(digits) || !pattern.test(digits)) continue;
        tried++;
        expect(callableNumber(digits).ok, digits).toBe(false);
        expect(callableNumber(`+${code}${digits}`).ok, `+${code} ${digits}`).toBe(false);
      }
    }
  }
  expect(tried).toBeGreaterThan(400);
});
