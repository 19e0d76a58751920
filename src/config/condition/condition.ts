/*
 * A condition of a rule, as it is kept: parsed by `condition_parser.ts` when the profile is read, and
 * only ever looked at, never run.
 *
 *     contact.AnnualRevenue > 100000 and not (outcome == "DNC" or contact.vip == false)
 *
 * What is compared
 * ----------------
 * - `==`, `!=`: equal are values of one type that are the same; a number and a text that reads as that
 *   number; true or false and its word. What is missing is `null`. Groups and lists equal nothing.
 * - `<`, `<=`, `>`, `>=`: as numbers where both are, or read as, numbers; two other texts by their
 *   characters, which is right for dates in ISO 8601. Anything else is false, `null` too.
 * - Standing alone, `null`, `false`, `0` and an empty text do not hold, everything else does.
 *
 * A CRM's answer is JSON with numbers, a contact of the built-in CRM has only texts: both have to work
 * with the same rule.
 */

export type Condition =
  | { kind: 'and' | 'or'; left: Condition; right: Condition }
  | { kind: 'not'; of: Condition }
  | { kind: 'compare'; operator: Operator; left: Operand; right: Operand }
  | { kind: 'is'; of: Operand };

export type Operand = { value: Scalar } | { path: readonly string[] };
export type Scalar = string | number | boolean | null;

export const OPERATORS = ['==', '!=', '<', '<=', '>', '>='] as const;
export type Operator = (typeof OPERATORS)[number];

/** Whether a condition holds for what is known. Never throws, whatever that is. */
export function holds(condition: Condition, known: Readonly<Record<string, unknown>>): boolean {
  switch (condition.kind) {
    case 'and':
      return holds(condition.left, known) && holds(condition.right, known);
    case 'or':
      return holds(condition.left, known) || holds(condition.right, known);
    case 'not':
      return !holds(condition.of, known);
    case 'is':
      return Boolean(valueIn(condition.of, known));
    case 'compare':
      return compare(
        condition.operator,
        valueIn(condition.left, known),
        valueIn(condition.right, known),
      );
  }
}

/** Own keys only: what a CRM has not said is not found in JavaScript's objects instead. */
function valueIn(operand: Operand, known: Readonly<Record<string, unknown>>): unknown {
  if ('value' in operand) return operand.value;
  let value: unknown = known;
  for (const key of operand.path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return null;
    value = (value as Record<string, unknown>)[key];
  }
  return value ?? null;
}

function compare(operator: Operator, left: unknown, right: unknown): boolean {
  if (operator === '==') return equal(left, right);
  if (operator === '!=') return !equal(left, right);
  const order = orderOf(left, right);
  if (order === null) return false;
  if (operator === '<') return order < 0;
  if (operator === '<=') return order <= 0;
  return operator === '>' ? order > 0 : order >= 0;
}

function equal(left: unknown, right: unknown): boolean {
  if (!isScalar(left) || !isScalar(right)) return false;
  if (typeof left === typeof right) return left === right;
  if (typeof left === 'number' || typeof right === 'number') {
    const [a, b] = [numberOf(left), numberOf(right)];
    return a !== null && a === b;
  }
  if (typeof left === 'boolean' || typeof right === 'boolean') {
    return left !== null && right !== null && wordOf(left) === wordOf(right);
  }
  return left === right;
}

/** Below 0 where `left` comes first; `null` where the two have no order. */
function orderOf(left: unknown, right: unknown): number | null {
  const [a, b] = [numberOf(left), numberOf(right)];
  if (a !== null && b !== null) return a - b;
  if (typeof left !== 'string' || typeof right !== 'string') return null;
  return left < right ? -1 : Number(left > right);
}

function isScalar(value: unknown): value is Scalar {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}

const NUMBER = /^-?\d+(\.\d+)?$/;

function numberOf(value: unknown): number | null {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && NUMBER.test(value.trim()) ? Number(value) : null;
}

function wordOf(value: string | number | boolean): string {
  return String(value).trim().toLowerCase();
}
