import type { JsonObject } from './json.ts';

/** Rules that one schema may stand for. OpenAI takes 5000 properties. */
const MAX_RULES = 5_000;

/** How deep arguments may be; a schema that refers to itself is unfolded for as many levels. */
export const MAX_ARGUMENT_LEVELS = 12;

const SAME_LEVEL = new Set(['allOf', 'anyOf', 'oneOf', 'not', 'if', 'then', 'else']);
const BELOW = new Set([
  'items',
  'prefixItems',
  'additionalItems',
  'additionalProperties',
  'contains',
  'propertyNames',
]);
const BELOW_BY_NAME = new Set(['properties', 'patternProperties']);

/**
 * Counts what a schema comes to with each `$ref` unfolded, for ten lines of references can stand for
 * millions of rules: `a: {allOf: [b, b]}, b: {allOf: [c, c]}, …`.
 *
 * @throws Error that says what is wrong with it, without a value.
 */
export function judgeRules(root: JsonObject): void {
  if (new RuleCount(root).of(root, MAX_ARGUMENT_LEVELS) <= MAX_RULES) return;
  throw new Error(`it stands for more than ${MAX_RULES} rules`);
}

class RuleCount {
  readonly #root: JsonObject;
  readonly #known = new Map<JsonObject, number[]>();
  /** References that are being followed without a level of the arguments in between. */
  #following = new Set<string>();

  constructor(root: JsonObject) {
    this.#root = root;
  }

  /** With so many levels of arguments left; a little more than the limit where it is above that. */
  of(schema: unknown, levels: number): number {
    if (!isObject(schema) || levels === 0) return 1;
    const known = this.#known.get(schema) ?? [];
    this.#known.set(schema, known);
    known[levels] ??= this.#count(schema, levels);
    return known[levels];
  }

  #count(schema: JsonObject, levels: number): number {
    let rules = 1;
    for (const [key, value] of Object.entries(schema)) {
      if (key === '$ref') rules += this.#follow(value, levels);
      for (const part of SAME_LEVEL.has(key) ? asList(value) : []) rules += this.of(part, levels);
      for (const part of partsBelow(key, value)) rules += this.#below(part, levels - 1);
      if (rules > MAX_RULES) return MAX_RULES + 1;
    }
    return rules;
  }

  /** There a reference may come again. */
  #below(schema: unknown, levels: number): number {
    const following = this.#following;
    this.#following = new Set();
    const rules = this.of(schema, levels);
    this.#following = following;
    return rules;
  }

  #follow(reference: unknown, levels: number): number {
    if (typeof reference !== 'string' || !reference.startsWith('#')) {
      throw new Error('a $ref leads out of it');
    }
    if (this.#following.has(reference)) throw new Error('a $ref leads to itself');
    const target = pointed(this.#root, reference);
    if (target === undefined) throw new Error('a $ref leads nowhere');
    this.#following.add(reference);
    const rules = this.of(target, levels);
    this.#following.delete(reference);
    return rules;
  }
}

function partsBelow(key: string, value: unknown): unknown[] {
  if (BELOW_BY_NAME.has(key) && isObject(value)) return Object.values(value);
  return BELOW.has(key) ? asList(value) : [];
}

/** What a JSON pointer (RFC 6901) behind `#` names. */
function pointed(root: unknown, reference: string): unknown {
  const [before, ...steps] = reference.slice(1).split('/');
  if (before !== '') return undefined;
  let at = root;
  for (const step of steps) {
    const key = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as JsonObject)[key];
  }
  return at;
}

function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [value];
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
