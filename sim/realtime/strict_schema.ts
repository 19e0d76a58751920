/** The part of JSON Schema that structured outputs are asked with. */
export interface JsonSchema {
  type?: string | string[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: unknown;
  enum?: unknown[];
  anyOf?: JsonSchema[];
  items?: JsonSchema;
  description?: string;
}

/** What every server with structured outputs takes; OpenAI itself takes some more by now. */
const KEYWORDS = [
  'type',
  'properties',
  'required',
  'additionalProperties',
  'enum',
  'anyOf',
  'items',
  'description',
];

/** What strict mode refuses, a line each: every key has to be required, and nothing else allowed. */
export function strictProblems(schema: JsonSchema, at = 'schema'): string[] {
  const problems = Object.keys(schema)
    .filter((keyword) => !KEYWORDS.includes(keyword))
    .map((keyword) => `${at}: '${keyword}' is not permitted`);
  const { properties = {}, anyOf = [], items } = schema;
  const parts = [...Object.entries(properties), ...anyOf.entries()];
  if (items) parts.push(['items', items]);
  for (const [name, part] of parts) problems.push(...strictProblems(part, `${at}.${name}`));
  if (schema.properties === undefined) return problems;
  if (schema.additionalProperties !== false) {
    problems.push(`${at}: 'additionalProperties' is required to be false`);
  }
  for (const name of Object.keys(schema.properties)) {
    if (!schema.required?.includes(name))
      problems.push(`${at}: '${name}' is missing in 'required'`);
  }
  return problems;
}

/** A form filled in: `values` where the form has them, for the rest what says least. */
export function filledIn(
  schema: JsonSchema,
  values: Record<string, unknown>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(schema.properties ?? {}).map(([name, part]) => [
      name,
      Object.hasOwn(values, name) ? values[name] : leastOf(part),
    ]),
  );
}

function leastOf(schema: JsonSchema): unknown {
  if (schema.anyOf?.some(({ type }) => type === 'null')) return null;
  const types = [schema.type ?? 'string'].flat();
  if (types.includes('null')) return null;
  if (schema.enum) return schema.enum.includes('UNKNOWN') ? 'UNKNOWN' : schema.enum[0];
  if (types.includes('boolean')) return false;
  if (types.includes('integer') || types.includes('number')) return 0;
  return 'Nothing is known.';
}
