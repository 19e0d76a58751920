import { expect, it } from 'vitest';
import { z } from 'zod';
import './plain_messages.ts';

const text = z.string();

function said(schema: z.ZodType, value: unknown): string[] {
  const { error } = schema.safeParse(value);
  return error?.issues.map(({ path, message }) => `${path.join('.')} ${message}`.trim()) ?? [];
}

// "Invalid input: expected string, received undefined" is zod's, and told nobody what to write.
it.each([
  ['is missing', text, undefined],
  ['must be text', text, 7],
  ['must be text, not null', text, null],
  ['must be a number', z.coerce.number(), 'ten'],
  ['must be a whole number', z.int(), 1.5],
  ['must be true or false', z.boolean(), 'yes'],
  ['must be a list', z.array(text), {}],
  ['must be a group of keys', z.object({}), []],
  ['must be one of asc, desc', z.enum(['asc', 'desc']), 'up'],
  ['is missing', z.enum(['asc', 'desc']), undefined],
  ['must be call.completed', z.literal('call.completed'), 'x'],
  ['is empty', text.min(1), ''],
  ['must have at least 24 characters', text.min(24), 'x'],
  ['must have at most 3 characters', text.max(3), 'long'],
  ['is empty', z.array(text).min(1), []],
  ['must have at most 1 entries', z.array(text).max(1), ['a', 'b']],
  ['must be at least 1', z.number().min(1), 0],
  ['must be at most 100', z.number().max(100), 101],
  ['must be more than 0', z.number().positive(), 0],
  ['must be a multiple of 5', z.number().multipleOf(5), 7],
  ['must be a time such as 2026-01-31T09:30:00Z', z.iso.datetime(), 'tomorrow'],
  ['is not written as it has to be', text.regex(/^a$/), 'b'],
  ['has unknown keys: a, b', z.strictObject({}), { a: 1, b: 2 }],
  ['must be text, a number or true or false', z.union([text, z.number(), z.boolean()]), []],
  ['must have at most 3 characters', z.union([text.max(3), z.number()]), 'long'],
  ['is missing', z.union([text, z.number()]), undefined],
  [
    'kind is none of the possible ones',
    z.discriminatedUnion('kind', [z.object({ kind: z.literal('a') })]),
    { kind: 'b' },
  ],
  ['our own words', text.min(1, 'our own words'), ''],
])('%s', (message, schema, value) => {
  expect(said(schema, value)).toEqual([message]);
});

it('names the key, and never repeats the value', () => {
  const schema = z.object({ to: text, tags: z.array(text), keys: z.record(text.max(2), text) });
  expect(said(schema, { tags: ['a', 9], keys: { long: 'x' } })).toEqual([
    'to is missing',
    'tags.1 must be text',
    'keys.long has a key that must have at most 2 characters',
  ]);
});
