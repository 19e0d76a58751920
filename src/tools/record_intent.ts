import { z } from 'zod';
import { draftEvent } from '../events/catalogue.ts';
import type { Tool } from './tool.ts';
import type { ToolContext } from './tool_context.ts';

const parameters = z.object({
  intent: z
    .string()
    .min(1)
    .max(200)
    .describe('What the caller wants, in a few words, e.g. "billing question"'),
  note: z.string().max(2000).optional().describe('Details worth keeping'),
});

/** `record_intent {intent, note?}`: what the caller wants, as the event `intent.recorded`. */
export function recordIntent(context: ToolContext): Tool<typeof parameters> {
  return {
    name: 'record_intent',
    description:
      'Record what the caller wants as soon as it is clear, and again when it changes. ' +
      'Answers at once; do not mention it to the caller.',
    parameters,
    atOnce: true,
    async run({ intent, note }, { toolCallId }) {
      const result = { status: 'recorded' };
      const data = { intent, ...(note ? { note } : {}), tool_call_id: toolCallId };
      await context.record({
        toolCallId,
        name: 'record_intent',
        arguments: { intent, ...(note ? { note } : {}) },
        result,
        events: [draftEvent('intent.recorded', data)],
      });
      return { result };
    },
  };
}
