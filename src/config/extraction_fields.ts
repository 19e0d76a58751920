import { z } from 'zod';

/** One thing to be read from a call's transcript after it: a key of `extraction` in `call.completed`. */
export interface ExtractionField {
  name: string;
  type: ExtractionType;
  /** Whether it is `null` where the call did not tell. */
  optional: boolean;
  /** What the model is told of it, in the profile's words. */
  description: string | undefined;
}

export type ExtractionType =
  | { kind: 'string' | 'number' | 'integer' | 'boolean' | 'datetime' | 'email' }
  | { kind: 'enum'; values: readonly string[] };

const KINDS = ['string', 'number', 'integer', 'boolean', 'datetime', 'email'] as const;

// A key of JSON, of a JSON Schema and of the user's code. `outcome` is asked for beside them.
const NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;
const RESERVED = ['outcome'];
const MAX_FIELDS = 40;
const MAX_WORDS = 50;
const MAX_WORD_LENGTH = 64;
const MAX_DESCRIPTION_LENGTH = 500;

/** Of every profile. Its own keys come beside them, or describe one of them more closely. */
export const DEFAULT_EXTRACTION: readonly ExtractionField[] = [
  field(
    'summary',
    'string',
    'The call in one to three sentences, for a colleague who was not there.',
  ),
  field(
    'interested',
    'boolean?',
    'Whether the other party is interested in what the call was about.',
  ),
  field(
    'appointmentDateTimeISO',
    'datetime?',
    'When the appointment is that both sides agreed on; null without one.',
  ),
  field(
    'appointmentDurationMinutes',
    'integer?',
    'How long that appointment takes, where it was said.',
  ),
  field('contactEmail', 'email?', 'The e-mail address that the other party gave for themselves.'),
];

/**
 * The profile's `extraction`: a name for each field, and behind it its type, a list of words, or
 * both with a description.
 *
 * ```yaml
 * extraction:
 *   callBackAt: datetime?               # `?`: null where the call did not tell
 *   plan: [basic, pro, null]            # one of these words; `null` in the list does what `?` does
 *   budget: { type: number?, description: What they can spend a year, in euros. }
 * ```
 */
export const extractionSchema = z.record(z.string(), z.unknown()).superRefine((fields, context) => {
  const report = (path: PropertyKey[], message: string) =>
    context.addIssue({ code: 'custom', path, message });
  if (Object.keys(fields).length > MAX_FIELDS) report([], `has more than ${MAX_FIELDS} fields`);
  for (const [name, written] of Object.entries(fields)) {
    if (!NAME.test(name)) {
      report([name], 'must have a name of letters, digits and _ that begins with a letter');
    } else if (RESERVED.includes(name)) {
      report([name], 'is asked for in any case: remove it');
    } else {
      checkField(name, written, report);
    }
  }
});

/** The fields of a profile whose `extraction` has been checked: the defaults, then its own. */
export function extractionFields(checked: Record<string, unknown>): readonly ExtractionField[] {
  const fields = new Map(DEFAULT_EXTRACTION.map((known) => [known.name, known]));
  for (const [name, written] of Object.entries(checked)) {
    const own = readField(name, written);
    const description = own.description ?? fields.get(name)?.description;
    fields.set(name, { ...own, description });
  }
  return [...fields.values()];
}

type Report = (path: PropertyKey[], message: string) => void;

function checkField(name: string, written: unknown, report: Report): void {
  let type = written;
  if (isGroup(written)) {
    const { type: inside, description, ...rest } = written;
    for (const key of Object.keys(rest)) {
      report([name, key], 'is unknown: the keys here are type, description');
    }
    if (description !== undefined && !isDescription(description)) {
      report([name, 'description'], `must be text of up to ${MAX_DESCRIPTION_LENGTH} characters`);
    }
    type = inside;
  }
  if (Array.isArray(type)) {
    checkWords(name, type, report);
  } else if (readType(type) === null) {
    report(
      [name],
      `must be one of ${KINDS.join(', ')}, each with or without ?, or a list of words`,
    );
    return;
  }
  const known = DEFAULT_EXTRACTION.find((one) => one.name === name);
  if (known && readType(type)?.type.kind !== known.type.kind) {
    // Receivers and the tables they fill know these by name.
    report(
      [name],
      `is a field of every call: it can only be ${known.type.kind} or ${known.type.kind}?`,
    );
  }
}

function checkWords(name: string, list: readonly unknown[], report: Report): void {
  const words = list.filter((word) => word !== null);
  if (words.length === 0 || words.length > MAX_WORDS) {
    report([name], `must have 1 to ${MAX_WORDS} words to choose from`);
  }
  for (const [index, word] of list.entries()) {
    if (word === null) continue;
    if (typeof word !== 'string') {
      report([name, index], 'must be text: put it in quotes');
    } else if (!/\S/.test(word) || word.length > MAX_WORD_LENGTH) {
      report([name, index], `must have 1 to ${MAX_WORD_LENGTH} characters`);
    } else if (list.indexOf(word) < index) {
      report([name, index], 'the same word twice: keep one of them');
    }
  }
}

function readField(name: string, written: unknown): ExtractionField {
  const group = isGroup(written) ? written : { type: written };
  const read = readType(group.type);
  if (read === null) throw new Error(`the extraction of a profile was not checked: ${name}`);
  const description = isDescription(group.description) ? group.description.trim() : undefined;
  return { name, ...read, description };
}

function readType(written: unknown): Pick<ExtractionField, 'type' | 'optional'> | null {
  if (Array.isArray(written)) {
    const values = written.filter((word) => typeof word === 'string');
    return { type: { kind: 'enum', values }, optional: written.includes(null) };
  }
  if (typeof written !== 'string') return null;
  const optional = written.endsWith('?');
  const kind = KINDS.find((one) => one === (optional ? written.slice(0, -1) : written));
  return kind ? { type: { kind }, optional } : null;
}

function isGroup(written: unknown): written is Record<string, unknown> {
  return typeof written === 'object' && written !== null && !Array.isArray(written);
}

function isDescription(text: unknown): text is string {
  return typeof text === 'string' && /\S/.test(text) && text.length <= MAX_DESCRIPTION_LENGTH;
}

function field(name: string, type: string, description: string): ExtractionField {
  return readField(name, { type, description });
}
