import { z } from 'zod';
import type { ExtractionField } from '../config/extraction_fields.ts';
import { MODEL_OUTCOMES, type ModelOutcome } from './outcome.ts';

/** What a transcript is asked for, and how an answer is judged. */
export interface ExtractionSchema {
  /**
   * A JSON Schema as structured outputs want it: every key required, what may be missing nullable,
   * nothing else allowed. Lengths, patterns and formats are left out, for not every server that
   * speaks the protocol takes them, and one that does not answers 400 to every call; `check` knows
   * them.
   */
  json: Record<string, unknown>;
  check(answer: unknown): CheckedAnswer;
}

export type CheckedAnswer =
  | { ok: true; outcome: ModelOutcome; extraction: Record<string, unknown> }
  /** A line for each thing that is wrong, for the model that is asked to mend it. */
  | { ok: false; problems: string[] };

/** `call.completed` has 64 KB for this, the transcript and the call's metadata. */
const MAX_EXTRACTION_BYTES = 16 * 1024;

const OUTCOMES = Object.keys(MODEL_OUTCOMES) as [ModelOutcome, ...ModelOutcome[]];

export function extractionSchema(fields: readonly ExtractionField[]): ExtractionSchema {
  const answer = z.object({
    ...Object.fromEntries(fields.map((field) => [field.name, checkOf(field)])),
    outcome: z.enum(OUTCOMES, { error: `must be one of ${OUTCOMES.join(', ')}` }),
  });
  return {
    json: jsonSchema(fields),
    check(given) {
      const checked = answer.safeParse(given);
      if (!checked.success) {
        const problems = checked.error.issues.map(
          ({ path, message }) => `${path.map(String).join('.') || 'the answer'} ${message}`,
        );
        return { ok: false, problems };
      }
      const { outcome, ...extraction } = checked.data;
      if (Buffer.byteLength(JSON.stringify(extraction)) > MAX_EXTRACTION_BYTES) {
        return { ok: false, problems: ['the answer must be shorter: its texts are too long'] };
      }
      return { ok: true, outcome, extraction };
    },
  };
}

function jsonSchema(fields: readonly ExtractionField[]): Record<string, unknown> {
  const properties: Record<string, unknown> = {};
  for (const field of fields) properties[field.name] = propertyOf(field);
  // Last: what it is judged by has been written down before it.
  properties.outcome = { type: 'string', enum: OUTCOMES, description: 'What came of the call.' };
  return {
    type: 'object',
    properties,
    required: Object.keys(properties),
    additionalProperties: false,
  };
}

const FORMATS: Partial<Record<ExtractionField['type']['kind'], string>> = {
  datetime: 'ISO 8601 with the offset, such as 2026-03-02T10:00:00+01:00.',
  email: 'An e-mail address.',
};

function propertyOf({ type, optional, description }: ExtractionField): Record<string, unknown> {
  const about = [description, FORMATS[type.kind]].filter(Boolean).join(' ');
  const described = about === '' ? {} : { description: about };
  if (type.kind === 'enum') {
    const words = { type: 'string', enum: type.values };
    return { ...(optional ? { anyOf: [words, { type: 'null' }] } : words), ...described };
  }
  const name = type.kind === 'datetime' || type.kind === 'email' ? 'string' : type.kind;
  return { type: optional ? [name, 'null'] : name, ...described };
}

/** What may be missing is also taken where it is left out or empty: it says the same. */
function checkOf({ type, optional }: ExtractionField): z.ZodType {
  const check = valueCheck(type);
  if (!optional) return check;
  const isNothing = (value: unknown) =>
    value === undefined || (typeof value === 'string' && value.trim() === '');
  return z.preprocess((value) => (isNothing(value) ? null : value), check.nullable());
}

function valueCheck(type: ExtractionField['type']): z.ZodType {
  switch (type.kind) {
    case 'string':
      return text;
    case 'number':
      return z.number({ error: 'must be a number' });
    case 'integer':
      return z.int({ error: 'must be a whole number' });
    case 'boolean':
      return z.boolean({ error: 'must be true or false' });
    case 'datetime':
      return text.pipe(z.iso.datetime({ offset: true, error: DATETIME_PROBLEM }));
    case 'email':
      return text.pipe(z.email({ error: 'must be an e-mail address' }));
    case 'enum':
      return z.enum(type.values as string[], { error: `must be one of ${type.values.join(', ')}` });
  }
}

/** Postgres takes no NUL in a text. */
const text = z
  .string({ error: 'must be a text' })
  .transform((value) => value.replaceAll('\0', '').trim());

const DATETIME_PROBLEM =
  'must be a date and time in ISO 8601 with its offset, such as 2026-03-02T10:00:00+01:00';
