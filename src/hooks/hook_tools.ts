import { z } from 'zod';
import '../config/plain_messages.ts';
import type { JsonObject } from './json.ts';
import { type ArgumentCheck, judgeSchema } from './tool_schema.ts';

/** A function of the model's that a backend does. */
export interface BackendTool {
  name: string;
  description: string;
  /** JSON Schema. */
  parameters: JsonObject;
  check: ArgumentCheck;
}

export interface RefusedTool {
  /** As far as it is known. */
  name: string;
  reason: string;
}

/** OpenAI's limit. */
const MAX_TOOLS = 128;

const functionSchema = z.object({
  name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, {
    error: 'may have letters (a-z, A-Z), digits, _ and -, 64 at most',
  }),
  description: z
    .string()
    .max(16 * 1024)
    .nullish(),
  parameters: z.unknown().optional(),
});

/**
 * The tools of a start hook, in the form of the Realtime API (`{type, name, description, parameters}`) or
 * of chat completions (`{type, function: {name, …}}`). One that cannot be used is refused by its name;
 * the others stay.
 */
export function readHookTools(given: readonly unknown[]): {
  tools: BackendTool[];
  refused: RefusedTool[];
} {
  const tools: BackendTool[] = [];
  const refused: RefusedTool[] = [];
  for (const [index, entry] of given.entries()) {
    const name = nameOf(entry) ?? `#${index + 1}`;
    const tool = index < MAX_TOOLS ? readTool(entry) : `there are more than ${MAX_TOOLS} tools`;
    if (typeof tool === 'string') refused.push({ name, reason: tool });
    else if (tools.some((other) => other.name === tool.name)) {
      refused.push({ name, reason: 'there is another tool of this name' });
    } else tools.push(tool);
  }
  return { tools, refused };
}

/** The tool, or why there is none. */
function readTool(entry: unknown): BackendTool | string {
  const type = field(entry, 'type');
  if (type !== undefined && type !== 'function') return 'its type is not "function"';
  const read = functionSchema.safeParse(field(entry, 'function') ?? entry);
  if (!read.success) {
    const wrong = read.error.issues.map(
      ({ path, message }) => `its ${path.join('.') || 'definition'} ${message}`,
    );
    return wrong.join(', ');
  }
  const { name, description, parameters } = read.data;
  const schema = judgeSchema(parameters);
  if (!schema.ok) return schema.reason;
  return { name, description: description ?? '', parameters: schema.schema, check: schema.check };
}

/** For messages: short, and nothing that could break a line. */
function nameOf(entry: unknown): string | undefined {
  const name = field(field(entry, 'function') ?? entry, 'name');
  return typeof name === 'string' ? name.slice(0, 64).replace(/[^\w.-]/g, '?') : undefined;
}

function field(entry: unknown, key: string): unknown {
  if (typeof entry !== 'object' || entry === null) return undefined;
  return (entry as Record<string, unknown>)[key] ?? undefined;
}
