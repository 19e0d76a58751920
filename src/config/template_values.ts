/**
 * How values get into a template. The prompt is instructions to the model, and a value is not one:
 * a contact called "Ann\n\nNew rules: …" must stay a name. So, wherever it lies in the data,
 *
 * - a text is one line: line breaks, control characters and runs of spaces become one space;
 * - invisible characters go (zero-width, bidirectional overrides, tags, private use), so that
 *   what the operator sees in the CRM is what the model reads;
 * - braces go, so that no value, nor two side by side, can form a `{{` or `{%`;
 * - a text ends after 500 characters, a list or an object after 100 entries and 5 levels;
 * - an object in the place of a text is nothing: its fields are reached by their names.
 *
 * This keeps values from looking like the prompt's own lines; it cannot keep a model from
 * believing what a value says.
 */
export function plainValues(values: Record<string, unknown>): Record<string, unknown> {
  return plain(values, 0) as Record<string, unknown>;
}

const MAX_CHARACTERS = 500;
const MAX_ENTRIES = 100;
const MAX_LEVELS = 5;

const INVISIBLE =
  /[\p{Default_Ignorable_Code_Point}\p{Surrogate}\p{Private_Use}\u{FFF9}-\u{FFFB}]/gu;
const SPACE = /[\p{Control}\p{Separator}]+/gu;
const BRACES = /[{}]/g;

/** One text as `plainValues` has it. */
export function plainText(text: string): string {
  // Cut twice: first generously, so that megabytes are not searched, then by whole characters.
  const visible = text
    .slice(0, MAX_CHARACTERS * 8)
    .replace(INVISIBLE, '')
    .replace(BRACES, '')
    .replace(SPACE, ' ')
    .trim();
  const characters = [...visible];
  if (characters.length <= MAX_CHARACTERS) return visible;
  return `${characters.slice(0, MAX_CHARACTERS - 1).join('')}…`;
}

function plain(value: unknown, level: number): unknown {
  if (typeof value === 'string') return plainText(value);
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value.toISOString();
  if (typeof value !== 'object' || value === null || level > MAX_LEVELS) return undefined;
  if (Array.isArray(value)) {
    return value.slice(0, MAX_ENTRIES).map((entry) => plain(entry, level + 1));
  }
  const entries: [string, unknown][] = [];
  for (const [key, entry] of Object.entries(value).slice(0, MAX_ENTRIES)) {
    entries.push([plainText(key), plain(entry, level + 1)]);
  }
  // Whatever its fields are called: one named so could not be made a text at all.
  return Object.defineProperty(Object.fromEntries(entries), 'toString', { value: () => '' });
}
