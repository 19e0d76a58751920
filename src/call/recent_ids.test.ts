import { expect, it } from 'vitest';
import { RecentIds } from './recent_ids.ts';

it('knows the ids of lately, and forgets the oldest first', () => {
  const ids = new RecentIds();
  expect([ids.add('first'), ids.add('first')]).toEqual([true, false]);
  for (let i = 0; i < 9_999; i++) expect(ids.add(`${i}`)).toBe(true);
  expect(ids.add('first')).toBe(false);
  expect(ids.add('one too many')).toBe(true);
  expect(ids.add('first')).toBe(true);
  expect(ids.add('9998')).toBe(false);
  expect([ids.has('9998'), ids.has('0')]).toEqual([true, false]);
});
