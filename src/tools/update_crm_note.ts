import { z } from 'zod';
import type { Tool } from './tool.ts';
import type { ToolContext } from './tool_context.ts';

const parameters = z.object({
  note: z.string().min(1).max(4000).describe('The note, in whole sentences'),
});

/**
 * `update_crm_note {note}`: a note in the CRM. The write is a durable job in the same append as the
 * tool's call, so it outlives the call, the process and a CRM that is down; the CRM's own answer
 * arrives as `crm.updated` or `crm.update_failed`.
 */
export function updateCrmNote(context: ToolContext): Tool<typeof parameters> {
  return {
    name: 'update_crm_note',
    description:
      "Add a note to the caller's record. Answers at once; the note is kept for certain.",
    parameters,
    atOnce: true,
    async run({ note }, { toolCallId }) {
      const result = { status: 'saved' };
      await context.record({
        toolCallId,
        name: 'update_crm_note',
        arguments: { note },
        result,
        jobs: [context.noteJob({ text: note, toolCallId })],
      });
      return { result };
    },
  };
}
