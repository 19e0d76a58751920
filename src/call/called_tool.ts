import { z } from 'zod';
import type { ModelTool } from '../tools/tool.ts';

const calledTool = z.object({
  type: z.literal('response.output_item.done'),
  item: z.object({
    type: z.literal('function_call'),
    // Cut off in the middle of its arguments it is "incomplete".
    status: z.enum(['completed', 'in_progress']).nullish(),
    call_id: z.string().min(1),
    name: z.string().min(1),
    arguments: z.string(),
  }),
});

/** The call of a tool that an event of the model's completes, `undefined` where it is of something else. */
export function toolCalledBy(
  event: unknown,
): { id: string; name: string; argumentsText: string } | undefined {
  // Most events are audio: not even parsed.
  if ((event as { type?: unknown } | null)?.type !== 'response.output_item.done') return undefined;
  const { data } = calledTool.safeParse(event);
  if (!data) return undefined;
  const { call_id: id, name, arguments: argumentsText } = data.item;
  return { id, name, argumentsText };
}

/** `undefined`: they do not fit. agents-js finds the same, and tells the model what is wrong. */
export function parsedArguments(
  { parameters }: ModelTool,
  text: string,
): Record<string, unknown> | undefined {
  if (!(parameters instanceof z.ZodObject)) return undefined;
  try {
    return parameters.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
