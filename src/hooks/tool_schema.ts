import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { isDeeperThan, type JsonObject, jsonBytes } from './json.ts';
import { compilePattern, linearRegExp } from './linear_pattern.ts';
import { judgeRules, MAX_ARGUMENT_LEVELS } from './rule_count.ts';

export type JudgedSchema =
  /** `schema` is for the model, as the backend wrote it. */
  | { ok: true; schema: JsonObject; check: ArgumentCheck }
  /** In words for the backend's developer; no values. */
  | { ok: false; reason: string };

/** What is wrong with the arguments, in words for the model; `null` when nothing is. */
export type ArgumentCheck = (args: JsonObject) => string | null;

const MAX_SCHEMA_BYTES = 64 * 1024;
const MAX_SCHEMA_LEVELS = 40;
const MAX_ARGUMENT_BYTES = 64 * 1024;

/**
 * Judges the JSON Schema of a backend's tool, and makes what checks a call's arguments by it. The
 * checking runs on the thread that carries the call's audio, so a schema is refused whose size, depth or
 * unfolded references are out of measure, `pattern` is run by RE2, and what cannot be checked in a time
 * that grows with the arguments is left to the backend: `format`, `uniqueItems`, a pattern with
 * look-around.
 *
 * @param parameters `undefined`: a function without parameters.
 */
export function judgeSchema(parameters: unknown): JudgedSchema {
  const given = parameters ?? {};
  if (!isObject(given)) return refused('parameters is no object');
  if (jsonBytes(given) > MAX_SCHEMA_BYTES) {
    return refused(`parameters is larger than ${MAX_SCHEMA_BYTES} bytes`);
  }
  if (given.type !== undefined && given.type !== 'object') {
    return refused('the type of parameters is not "object"');
  }
  const schema = { properties: {}, ...given, type: 'object' };
  try {
    if (isDeeperThan(schema, MAX_SCHEMA_LEVELS)) return refused('parameters is nested too deeply');
    const checked = checkable(schema) as JsonObject;
    judgeRules(checked);
    const validate = ajv().compile(checked);
    return { ok: true, schema, check: (args) => argumentProblem(validate, args) };
  } catch (error) {
    return refused(error instanceof Error ? error.message.slice(0, 200) : 'it cannot be read');
  }
}

function refused(reason: string): JudgedSchema {
  return { ok: false, reason };
}

function argumentProblem(validate: ValidateFunction, args: JsonObject): string | null {
  if (isDeeperThan(args, MAX_ARGUMENT_LEVELS)) return 'the arguments are nested too deeply';
  if (jsonBytes(args) > MAX_ARGUMENT_BYTES) return 'the arguments are too large';
  if (validate(args)) return null;
  return (validate.errors ?? []).map(described).join('; ') || 'the arguments do not fit';
}

function described({ instancePath, message, params }: ErrorObject): string {
  const place = instancePath.slice(1).replaceAll('/', '.') || 'the arguments';
  const allowed = 'allowedValues' in params ? `: ${JSON.stringify(params.allowedValues)}` : '';
  return `${place} ${message ?? 'is wrong'}${allowed}`.slice(0, 500);
}

/** One for the process: its own rules for schemas take some 20 ms to compile. */
let shared: Ajv | undefined;

function ajv(): Ajv {
  shared ??= new Ajv({
    strict: false,
    validateFormats: false,
    // `constructor` is a property like any other.
    ownProperties: true,
    code: { regExp: linearRegExp },
  });
  return shared;
}

/** Keywords that hold a schema or a list of them, and those that hold schemas by name. */
const SCHEMAS = new Set([
  'allOf',
  'anyOf',
  'oneOf',
  'not',
  'if',
  'then',
  'else',
  'items',
  'additionalItems',
  'additionalProperties',
  'contains',
  'propertyNames',
]);
const SCHEMAS_BY_NAME = new Set(['properties', 'patternProperties', '$defs', 'definitions']);
/** What a value is judged by beside those. All else says nothing about it, or is not checked. */
const RULES = new Set([
  '$ref',
  'type',
  'enum',
  'const',
  'required',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
]);

/** The schema that arguments are checked by. */
function checkable(schema: unknown): unknown {
  if (typeof schema === 'boolean') return schema;
  if (!isObject(schema)) throw new Error('a rule is neither an object nor true or false');
  const kept: JsonObject = {};
  for (const [key, value] of Object.entries(schema)) {
    if (RULES.has(key)) kept[key] = value;
    else if (SCHEMAS.has(key)) kept[key] = eachChecked(value);
    else if (SCHEMAS_BY_NAME.has(key)) kept[key] = namesChecked(key, value);
    else if (key === 'pattern' && compilePattern(value) !== null) kept[key] = value;
    else if (key === 'nullable' && schema.type !== undefined) kept[key] = value;
    else if (key === '$dynamicRef' || key === '$recursiveRef') {
      throw new Error(`${key} is not supported`);
    }
  }
  return kept;
}

function eachChecked(value: unknown): unknown {
  return Array.isArray(value) ? value.map(checkable) : checkable(value);
}

function namesChecked(key: string, value: unknown): JsonObject {
  if (!isObject(value)) throw new Error(`${key} is no object`);
  const entries = Object.entries(value)
    .filter(([name]) => key !== 'patternProperties' || compilePattern(name) !== null)
    .map(([name, part]) => [name, checkable(part)]);
  return Object.assign(Object.create(null), Object.fromEntries(entries));
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
