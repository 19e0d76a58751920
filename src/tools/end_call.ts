import { z } from 'zod';
import type { Tool } from './tool.ts';
import type { ToolContext } from './tool_context.ts';

const parameters = z.object({
  reason: z.string().max(200).optional().describe('Why the call is over'),
});

/**
 * `end_call {reason?}`: hangs up when the goodbye has been heard. A caller who speaks into the
 * goodbye, the model's own or the one said in its place, is not hung up on: the model learns that the
 * call goes on.
 */
export function endCall(context: ToolContext): Tool<typeof parameters> {
  return {
    name: 'end_call',
    description:
      'Hang up. Call it together with your goodbye, once the caller has nothing more to say.',
    parameters,
    async run({ reason }, { toolCallId, spoken }) {
      await context.record({
        toolCallId,
        name: 'end_call',
        arguments: reason ? { reason } : {},
        result: { status: 'ending' },
      });
      const hangUp = async () => {
        const { interrupted, saidSomething } = await spoken;
        if (interrupted) return NOT_ENDED;
        if (context.signal.aborted) return null;
        if (!saidSomething && (await context.sayGoodbye()) === 'goes_on') return NOT_ENDED;
        context.end('agent_hung_up');
        return null;
      };
      const goesOn = hangUp().catch((error) => {
        context.log.error({ err: error }, 'hanging up failed');
        return null;
      });
      return { silent: true, goesOn };
    },
  };
}

const NOT_ENDED = { status: 'not_ended', why: 'the caller spoke: the call goes on' };
