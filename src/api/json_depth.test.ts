import { expect, it } from 'vitest';
import { isDeeperThan } from './json_depth.ts';

it.each([
  ['', false],
  ['[]', false],
  ['[{}]', false],
  ['[[],[[]]]', true],
  ['{"a":{"b":[]}}', true],
  ['[[],[],{"a":[]}', true],
  ['["[[[", "{\\"{{{", "\\\\"]', false],
  ['["\\\\", [[', true],
  ['["never ends [[[', false],
  [']]]]', false],
])('%s is deeper than 2: %s', (json, deeper) => {
  expect(isDeeperThan(json, 2)).toBe(deeper);
});

it('takes any depth', () => {
  expect(isDeeperThan('['.repeat(1_000_000), 2_000_000)).toBe(false);
});
