import { describe, expect, test } from 'vitest';
import { DEFAULT_EXTRACTION } from './extraction_fields.ts';
import { MINIMAL, one, problemsOf } from './testing/profile_texts.ts';

describe('the extraction of a profile', () => {
  const fieldsOf = async (text: string) =>
    Object.fromEntries((await one(`${MINIMAL}${text}`)).extraction.map((f) => [f.name, f]));

  test('comes beside the defaults', async () => {
    const fields = await fieldsOf(`extraction:
  callBackAt: datetime?
  guests: integer
  plan: [basic, pro, null]
  budget: { type: number?, description: " What they can spend a year, in euros. " }
`);
    expect(Object.keys(fields)).toEqual([
      ...DEFAULT_EXTRACTION.map(({ name }) => name),
      'callBackAt',
      'guests',
      'plan',
      'budget',
    ]);
    expect(fields.callBackAt).toMatchObject({ type: { kind: 'datetime' }, optional: true });
    expect(fields.guests).toMatchObject({ type: { kind: 'integer' }, optional: false });
    expect(fields.plan).toMatchObject({
      type: { kind: 'enum', values: ['basic', 'pro'] },
      optional: true,
    });
    expect(fields.budget).toMatchObject({
      type: { kind: 'number' },
      description: 'What they can spend a year, in euros.',
    });
  });

  test('may ask for a default field more strictly, or describe it', async () => {
    const fields = await fieldsOf(
      'extraction: { interested: boolean, appointmentDateTimeISO: datetime? }\n',
    );
    expect(fields.interested).toMatchObject({ type: { kind: 'boolean' }, optional: false });
    expect(fields.interested?.description).toContain('interested');
    expect(Object.keys(fields)).toHaveLength(DEFAULT_EXTRACTION.length);
  });

  test('is checked key by key', async () => {
    expect(
      await problemsOf(`${MINIMAL}extraction:
  plan: [basic, 2, basic]
  size: big
  outcome: string
  summary: integer
  2nd: string
  budget: { type: number, describe: yearly }
  mood: []
  note:
`),
    ).toEqual([
      'x.yaml:4 extraction.plan[1]: must be text: put it in quotes',
      'x.yaml:4 extraction.plan[2]: the same word twice: keep one of them',
      'x.yaml:5 extraction.size: must be one of string, number, integer, boolean, datetime, email, each with or without ?, or a list of words',
      'x.yaml:6 extraction.outcome: is asked for in any case: remove it',
      'x.yaml:7 extraction.summary: is a field of every call: it can only be string or string?',
      'x.yaml:8 extraction.2nd: must have a name of letters, digits and _ that begins with a letter',
      'x.yaml:9 extraction.budget.describe: is unknown: the keys here are type, description',
      'x.yaml:10 extraction.mood: must have 1 to 50 words to choose from',
      'x.yaml:11 extraction.note: must be one of string, number, integer, boolean, datetime, email, each with or without ?, or a list of words',
    ]);
    expect(await problemsOf(`${MINIMAL}extraction: [interested]\n`)).toEqual([
      'x.yaml:3 extraction: must be a group of keys',
    ]);
  });
});
