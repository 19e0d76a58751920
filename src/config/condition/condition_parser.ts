import jsep from 'jsep';
import { nearest } from '../suggestion.ts';
import { type Condition, OPERATORS, type Operand, type Operator } from './condition.ts';

/** Longer ones are programs; and a parser that calls itself must come to an end. */
const MAX_LENGTH = 1_000;
const COMPARING = 3;

// jsep's tables are the module's own: nothing else in Callwire parses with it.
jsep.removeAllBinaryOps();
jsep.removeAllUnaryOps();
jsep.addBinaryOp('or', 1);
jsep.addBinaryOp('and', 2);
for (const operator of OPERATORS) jsep.addBinaryOp(operator, COMPARING);
jsep.addUnaryOp('not');
jsep.addUnaryOp('-');

/** The names that a condition may begin with, and what may stand behind each. */
export interface ConditionNames {
  /** Root → the names below it; `any` where nobody can know them, `none` where it has none. */
  readonly [root: string]: readonly string[] | 'any' | 'none';
}

export type ParsedCondition = { condition: Condition } | { problem: string };

/** Reads a condition; `problem` says for people what is wrong with it. */
export function parseCondition(text: string, names: ConditionNames): ParsedCondition {
  if (text.length > MAX_LENGTH) return { problem: `is longer than ${MAX_LENGTH} characters` };
  try {
    return { condition: conditionOf(jsep(text), names) };
  } catch (error) {
    if (error instanceof ConditionProblem) return { problem: error.message };
    const { description, index } = error as { description?: string; index?: number };
    if (description === undefined) return { problem: 'cannot be read' };
    const place = index === undefined ? '' : ` at character ${index + 1}`;
    return { problem: `cannot be read: ${description}${place}. ${WORDS}` };
  }
}

const WORDS = `It may hold and, or, not, ${OPERATORS.join(', ')}, parentheses, names, "texts", numbers, true, false and null`;

class ConditionProblem extends Error {}

function conditionOf(node: jsep.Expression, names: ConditionNames): Condition {
  if (isBinary(node)) {
    const { operator, left, right } = node;
    if (operator === 'and' || operator === 'or') {
      return { kind: operator, left: conditionOf(left, names), right: conditionOf(right, names) };
    }
    return {
      kind: 'compare',
      operator: operator as Operator,
      left: operandOf(left, names),
      right: operandOf(right, names),
    };
  }
  if (isUnary(node) && node.operator === 'not') {
    return { kind: 'not', of: conditionOf(node.argument, names) };
  }
  return { kind: 'is', of: operandOf(node, names) };
}

function operandOf(node: jsep.Expression, names: ConditionNames): Operand {
  if (isLiteral(node)) {
    const { value } = node;
    if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) {
      return { value: value as string | number | boolean | null };
    }
  }
  if (isUnary(node) && node.operator === '-') {
    const { argument } = node;
    if (isLiteral(argument) && typeof argument.value === 'number') {
      return { value: -argument.value };
    }
    throw new ConditionProblem('has a - that stands before no number');
  }
  if (isBinary(node) || isUnary(node)) {
    throw new ConditionProblem(
      'compares a comparison: put parentheses, as in not (a == b), and and or or between',
    );
  }
  const path = pathOf(node);
  checkPath(path, names);
  return { path };
}

/** `contact.plan`, `contact["Annual Revenue"]`. */
function pathOf(node: jsep.Expression): string[] {
  if (node.type === 'Identifier') return [(node as jsep.Identifier).name];
  if (node.type === 'MemberExpression') {
    const { object, property, computed } = node as jsep.MemberExpression;
    if (!computed) return [...pathOf(object), (property as jsep.Identifier).name];
    if (isLiteral(property) && typeof property.value === 'string') {
      return [...pathOf(object), property.value];
    }
    throw new ConditionProblem('has [ ] around something else than a text');
  }
  if (node.type === 'CallExpression')
    throw new ConditionProblem('calls something: it only compares');
  throw new ConditionProblem(`is not one condition. ${WORDS}`);
}

function checkPath([root = '', name]: readonly string[], names: ConditionNames): void {
  const below = Object.hasOwn(names, root) ? names[root] : undefined;
  if (below === undefined) throw unknown(root, Object.keys(names));
  if (below === 'none' ? name !== undefined : name === undefined) {
    const shape = below === 'none' ? `${root} alone` : `${root}.…, a field of it`;
    throw new ConditionProblem(`must have ${shape}`);
  }
  if (typeof below === 'string' || name === undefined || below.includes(name)) return;
  throw unknown(
    `${root}.${name}`,
    below.map((one) => `${root}.${one}`),
  );
}

function unknown(name: string, known: readonly string[]): ConditionProblem {
  const guess = nearest(name, known);
  const hint = guess ? `did you mean ${guess}?` : `there are ${known.join(', ')}`;
  return new ConditionProblem(`names ${name}, which is unknown: ${hint}`);
}

function isBinary(node: jsep.Expression): node is jsep.BinaryExpression {
  return node.type === 'BinaryExpression';
}

function isUnary(node: jsep.Expression): node is jsep.UnaryExpression {
  return node.type === 'UnaryExpression';
}

function isLiteral(node: jsep.Expression): node is jsep.Literal {
  return node.type === 'Literal';
}
