import { describe, expect, it } from 'vitest';
import { strictProblems } from '../../sim/realtime/strict_schema.ts';
import { DEFAULT_EXTRACTION, extractionFields } from '../config/extraction_fields.ts';
import { extractionSchema } from './extraction_schema.ts';
import { MODEL_OUTCOMES } from './outcome.ts';

const FIELDS = extractionFields({
  plan: ['basic', 'pro', null],
  rooms: 'integer',
  budget: { type: 'number?', description: 'What they can spend.' },
});

const ANSWER = {
  summary: 'Wants to see the flat.',
  interested: true,
  appointmentDateTimeISO: '2026-03-02T10:00:00+01:00',
  appointmentDurationMinutes: 30,
  contactEmail: 'ada@example.com',
  plan: 'pro',
  rooms: 3,
  budget: 1_200.5,
  outcome: 'APPOINTMENT',
};

const { json, check } = extractionSchema(FIELDS);

describe('the JSON Schema', () => {
  it('is one that strict mode takes', () => {
    expect(strictProblems(json)).toEqual([]);
    expect(strictProblems(extractionSchema(DEFAULT_EXTRACTION).json)).toEqual([]);
  });

  it('asks for every field, nullable where it may be missing, and for the outcome last', () => {
    expect(json).toMatchObject({
      properties: {
        summary: { type: 'string' },
        interested: { type: ['boolean', 'null'] },
        appointmentDateTimeISO: {
          type: ['string', 'null'],
          description: expect.stringContaining('ISO 8601'),
        },
        appointmentDurationMinutes: { type: ['integer', 'null'] },
        plan: { anyOf: [{ type: 'string', enum: ['basic', 'pro'] }, { type: 'null' }] },
        rooms: { type: 'integer' },
        budget: { type: ['number', 'null'], description: 'What they can spend.' },
        outcome: { type: 'string', enum: Object.keys(MODEL_OUTCOMES) },
      },
    });
    expect(Object.keys(json.properties as object).at(-1)).toBe('outcome');
  });
});

describe('an answer', () => {
  it('that fits gives the fields and, apart, the outcome', () => {
    const { outcome, ...extraction } = ANSWER;
    expect(check(ANSWER)).toEqual({ ok: true, outcome, extraction });
  });

  it('may say nothing where nothing has to be said', () => {
    const { contactEmail: _, ...rest } = ANSWER;
    const checked = check({ ...rest, appointmentDateTimeISO: ' ', plan: null, extra: 1 });
    expect(checked).toMatchObject({
      ok: true,
      extraction: { contactEmail: null, appointmentDateTimeISO: null, plan: null },
    });
    expect(checked.ok && Object.keys(checked.extraction)).not.toContain('extra');
  });

  it('has its texts trimmed and freed of what a database does not take', () => {
    const summary = ' \0Wants to see it. ';
    expect(check({ ...ANSWER, summary })).toMatchObject({
      extraction: { summary: 'Wants to see it.' },
    });
  });

  it.each<[string, unknown, string]>([
    ['appointmentDateTimeISO', 'tomorrow at ten', 'must be a date and time in ISO 8601'],
    ['appointmentDateTimeISO', '2026-03-02T10:00:00', 'must be a date and time in ISO 8601'],
    ['appointmentDateTimeISO', '2026-02-30T10:00:00Z', 'must be a date and time in ISO 8601'],
    ['contactEmail', 'ada at example', 'must be an e-mail address'],
    ['interested', 'yes', 'must be true or false'],
    ['rooms', 2.5, 'must be a whole number'],
    ['rooms', null, 'must be a whole number'],
    ['budget', '1200', 'must be a number'],
    ['plan', 'gold', 'must be one of basic, pro'],
    ['summary', null, 'must be a text'],
    ['outcome', 'NO_ANSWER', 'must be one of'],
    ['outcome', undefined, 'must be one of'],
  ])('with %s %j does not fit, and is told why', (field, value, problem) => {
    const checked = check({ ...ANSWER, [field]: value });
    expect(checked).toMatchObject({ ok: false });
    expect(!checked.ok && checked.problems).toEqual([
      expect.stringContaining(`${field} ${problem}`),
    ]);
  });

  it.each([null, [], 'text', 7])('that is %j does not fit', (answer) => {
    expect(check(answer)).toMatchObject({ ok: false });
  });

  it('has to leave room for the transcript', () => {
    expect(check({ ...ANSWER, summary: 'x'.repeat(17_000) })).toEqual({
      ok: false,
      problems: ['the answer must be shorter: its texts are too long'],
    });
  });
});
