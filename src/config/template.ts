import { Liquid, LiquidError, RenderError } from 'liquidjs';
import { CallwireError } from '../errors.ts';
import { nearest } from './suggestion.ts';
import { plainValues } from './template_values.ts';

const engine = new Liquid({
  // Values come from JSON: nothing but their own fields may be reached.
  ownPropertyOnly: true,
  strictFilters: true,
  // A contact lacks fields all the time, and the agent must speak to the caller all the same.
  strictVariables: false,
  parseLimit: 100_000,
  memoryLimit: 1_000_000,
  // Only stops a loop that was never meant. Wall time, so it leaves room for a loaded machine.
  renderLimit: 500,
});
// Templates are text of a profile, never files: with these tags gone, naming one is a syntax error.
for (const tag of ['include', 'render', 'layout', 'block']) delete engine.tags[tag];

/** Where a template is wrong: `line` counts from 1. */
export interface TemplateProblem {
  line: number;
  message: string;
}

/**
 * Text with its `{{variables}}` filled in. Every value is made plain first (`plainValues`), so what
 * somebody wrote into a contact's name stays one short line; unknown variables are empty.
 * Throws `TEMPLATE_FAILED` on wrong syntax or beyond the limits (100 000 characters, 500 ms); the
 * message holds no values.
 */
export function renderTemplate(source: string, variables: Record<string, unknown>): string {
  try {
    return engine.parseAndRenderSync(source, plainValues(variables));
  } catch (error) {
    // Not the cause: LiquidJS puts the template and its values around the place into it.
    throw new CallwireError('TEMPLATE_FAILED', `template: ${reasonOf(error)}`, {
      remedy: 'Correct the text in the agent profile.',
    });
  }
}

/**
 * What is wrong with a template before it is ever rendered: its syntax, or a name that is nearly a known one.
 * Any other name may be one of a call's own `variables`, which only the API knows.
 */
export function checkTemplate(source: string, known: readonly string[]): TemplateProblem[] {
  let templates: ReturnType<typeof engine.parse>;
  try {
    templates = engine.parse(source);
  } catch (error) {
    return [{ line: lineOf(error), message: reasonOf(error) }];
  }
  const problems: TemplateProblem[] = [];
  for (const [root, uses] of Object.entries(engine.analyzeSync(templates).globals)) {
    if (known.includes(root)) continue;
    const guess = nearest(root, known);
    if (guess === null) continue;
    const line = uses[0]?.location.row ?? 1;
    problems.push({ line, message: `{{${root}}}: did you mean ${guess}?` });
  }
  return problems;
}

function reasonOf(error: unknown): string {
  const reason = LiquidError.is(error) ? (error.originalError?.message ?? error.message) : '';
  // A filter that fails while it runs may quote the value it was given.
  if (RenderError.is(error) && !reason.includes('limit exceeded')) return 'cannot be rendered';
  // The message goes on with ", line:1, col:3" and quotes the place on further lines.
  return reason.replace(/, (file|line|col):.*$/s, '') || 'cannot be rendered';
}

function lineOf(error: unknown): number {
  return LiquidError.is(error) ? (error.token.getPosition()[0] ?? 1) : 1;
}
