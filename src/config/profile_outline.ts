import { extractionFields, extractionSchema } from './extraction_fields.ts';
import { toE164 } from './phone_number.ts';
import { nearest } from './suggestion.ts';

/**
 * What is checked between the keys of a profile, and between profiles, as far as it can be read:
 * other keys may be wrong, and all that is wrong is to be said at once.
 */
export interface ProfileOutline {
  /** E.164, by their place in the list; `null` where there is no list to be read. */
  numbers: { index: number; number: string }[] | null;
  /** Whether it answers whatever number nobody else does. */
  isDefault: boolean;
  templates: { path: string[]; text: string }[];
  rules: { index: number; when: string | null; callWith: string | null }[];
  /** The names of the fields that are read from the transcript; `null` where they cannot be told. */
  extraction: readonly { name: string }[] | null;
}

export function outlineOf(content: Readonly<Record<string, unknown>>): ProfileOutline {
  const { numbers = [] } = content;
  return {
    numbers: Array.isArray(numbers) ? numbers.flatMap(readNumber) : null,
    isDefault: Array.isArray(numbers) && numbers.length === 0 && !isMisspelt(content),
    templates: readTemplates(content),
    rules: Array.isArray(content.rules) ? content.rules.map(readRule) : [],
    extraction: readExtraction(content.extraction),
  };
}

/** Who has written `numbrs` means some. */
function isMisspelt(content: Readonly<Record<string, unknown>>): boolean {
  return Object.keys(content).some((key) => key !== 'numbers' && nearest(key, ['numbers']));
}

function readNumber(written: unknown, index: number): { index: number; number: string }[] {
  const number = typeof written === 'string' ? toE164(written) : null;
  return number === null ? [] : [{ index, number }];
}

function readTemplates(content: Readonly<Record<string, unknown>>): ProfileOutline['templates'] {
  const templates: { path: string[]; text: unknown }[] = [
    ...['prompt', 'first_message', 'disclosure'].map((key) => ({
      path: [key],
      text: content[key],
    })),
    { path: ['voicemail', 'message'], text: groupOf(content.voicemail).message },
    ...Object.entries(groupOf(content.transfers)).map(([name, transfer]) => ({
      path: ['transfers', name, 'say'],
      text: groupOf(transfer).say,
    })),
  ];
  return templates.flatMap(({ path, text }) => (typeof text === 'string' ? [{ path, text }] : []));
}

function readRule(written: unknown, index: number): ProfileOutline['rules'][number] {
  const { when, call_with: callWith } = groupOf(written);
  return { index, when: wordsOf(when), callWith: wordsOf(callWith) };
}

function readExtraction(written: unknown): ProfileOutline['extraction'] {
  const { data } = extractionSchema.safeParse(written ?? {});
  return data === undefined ? null : extractionFields(data);
}

/** What is empty is complained of as that. */
function wordsOf(text: unknown): string | null {
  return typeof text === 'string' && /\S/.test(text) ? text : null;
}

function groupOf(value: unknown): Readonly<Record<string, unknown>> {
  const isGroup = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isGroup ? (value as Record<string, unknown>) : {};
}
