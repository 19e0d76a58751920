import { Liquid } from 'liquidjs';

/** What a scenario's texts may quote. */
export interface Quotable {
  /** The newest result of each tool, parsed where it is JSON: `{{ result.lookup_crm.contact.name }}`. */
  result: Record<string, unknown>;
  /** What the caller last said, as transcribed. */
  caller: string;
  /** The last text message the worker put into the conversation. */
  text: string;
  /** What the instructions of this response ask for; see `instructedText`. */
  instructed: string;
}

const liquid = new Liquid({ strictFilters: true, jsTruthy: true });

/** @throws where the text is not valid Liquid. */
export function checkTemplate(text: string): void {
  liquid.parse(text);
}

export function renderTemplate(text: string, quotable: Quotable): string {
  return String(liquid.parseAndRenderSync(text, quotable));
}

/** Renders every string inside a value; used for the arguments of tool calls. */
export function renderDeep(value: unknown, quotable: Quotable): unknown {
  if (typeof value === 'string') return renderTemplate(value, quotable);
  if (Array.isArray(value)) return value.map((entry) => renderDeep(entry, quotable));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [key, renderDeep(entry, quotable)]),
  );
}
