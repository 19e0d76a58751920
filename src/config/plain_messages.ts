import { z } from 'zod';

/*
 * What zod says of a wrong value, in words for whoever wrote it: they complete the sentence "KEY …",
 * say what to write instead, and never repeat the value, which may be a secret or somebody's number.
 * Importing this module sets them for every schema; a schema's own message goes first.
 */

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a group of keys',
  record: 'a group of keys',
  null: 'null',
};

const FORMATS: Readonly<Record<string, string>> = {
  datetime: 'a time such as 2026-01-31T09:30:00Z',
  date: 'a date such as 2026-01-31',
  url: 'a whole URL such as https://example.com/path',
  email: 'an email address',
};

/** What is counted in a thing that can be too long. */
const UNITS: Readonly<Record<string, string>> = {
  string: 'characters',
  array: 'entries',
  set: 'entries',
  map: 'entries',
};

export function plainMessage(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return typeMessage(issue.expected, issue.input);
    case 'invalid_value':
      if (issue.input === undefined) return 'is missing';
      return issue.values.length === 1
        ? `must be ${String(issue.values[0])}`
        : `must be one of ${issue.values.join(', ')}`;
    case 'invalid_format':
      return FORMATS[issue.format]
        ? `must be ${FORMATS[issue.format]}`
        : 'is not written as it has to be';
    case 'too_small':
      return boundMessage(issue.origin, issue.inclusive === false ? 'more than' : 'at least', {
        bound: issue.minimum,
      });
    case 'too_big':
      return boundMessage(issue.origin, issue.inclusive === false ? 'less than' : 'at most', {
        bound: issue.maximum,
      });
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    case 'unrecognized_keys':
      return `has unknown keys: ${issue.keys.join(', ')}`;
    case 'invalid_union':
      return unionMessage(issue.errors, issue.input);
    case 'invalid_key':
      return `has a key that ${firstMessage(issue.issues)}`;
    case 'invalid_element':
      return `has an entry that ${firstMessage(issue.issues)}`;
    default:
      return 'is wrong';
  }
}

function typeMessage(expected: string, input: unknown): string {
  if (input === undefined) return 'is missing';
  const type = TYPES[expected] ?? expected;
  return input === null ? `must be ${type}, not null` : `must be ${type}`;
}

function boundMessage(
  origin: string,
  relation: string,
  { bound }: { bound: number | bigint },
): string {
  const unit = UNITS[origin];
  if (relation === 'at least' && unit && Number(bound) === 1) return 'is empty';
  return unit ? `must have ${relation} ${bound} ${unit}` : `must be ${relation} ${bound}`;
}

/** Where every alternative is of another type, those that there are; else what the nearest one says. */
function unionMessage(alternatives: readonly z.core.$ZodIssue[][], input: unknown): string {
  if (input === undefined) return 'is missing';
  // Of alternatives that one key tells apart, where none has its word.
  if (alternatives.length === 0) return 'is none of the possible ones';
  const types = alternatives.map(([issue]) =>
    issue?.code === 'invalid_type' && issue.path.length === 0 ? issue.expected : null,
  );
  const nearest = alternatives[types.indexOf(null)]?.[0];
  if (nearest)
    return nearest.path.length === 0 ? nearest.message : 'is not written as it has to be';
  const words = [...new Set(types.map((type) => TYPES[type ?? ''] ?? type))];
  const last = words.pop();
  return `must be ${words.length > 0 ? `${words.join(', ')} or ` : ''}${last}`;
}

function firstMessage([issue]: readonly z.core.$ZodIssue[]): string {
  return issue?.message ?? 'is wrong';
}

z.config({ customError: plainMessage });
