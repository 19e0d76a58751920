import { z } from 'zod';
import { draftEvent } from '../events/catalogue.ts';
import type { ReferOutcome } from '../telephony/refer.ts';
import type { Tool, ToolCall } from './tool.ts';
import type { ToolContext } from './tool_context.ts';

/** How long the caller may be kept waiting for the announcement before the REFER goes out. */
const ANNOUNCEMENT_LIMIT_MS = 12_000;

/**
 * `transfer_call {destination}`: a blind transfer (SIP REFER) to a destination that the profile
 * names, never to a number of the model's.
 *
 * ```
 * answered ──announcement heard──► referring ─┬─ confirmed   → call.transferred, the call ends
 *                                             ├─ failed      → call.transfer_failed, it goes on
 *                                             └─ unconfirmed → call.transferred (unconfirmed); the
 *                                                call ends when the leg goes; no second transfer
 * ```
 */
export function transferCall(context: ToolContext): Tool {
  const names = Object.keys(context.transfers);
  const parameters = z.object({
    destination: z.enum(names as [string, ...string[]]).describe('Where to put the caller through'),
  });
  let busy: 'no' | 'referring' | 'unconfirmed' = 'no';

  const settle = async (destination: string, outcome: ReferOutcome) => {
    if (outcome.outcome === 'failed') {
      busy = 'no';
      const { sipStatus: sip_status, reason } = outcome;
      context.announce(
        `The transfer to "${destination}" did not work (${describeFailure(sip_status)}). ` +
          'Tell the caller, and ask how else you can help.',
      );
      await context.recordEvent(
        draftEvent('call.transfer_failed', { destination, sip_status, reason }),
      );
      return;
    }
    // The REFER may still be pending at the carrier: starting another one could ring two people.
    busy = 'unconfirmed';
    try {
      await context.recordEvent(
        draftEvent('call.transferred', { destination, outcome: outcome.outcome }),
      );
    } finally {
      if (outcome.outcome === 'confirmed') context.end('transferred');
      else if (outcome.callerGone) context.end('transfer_unconfirmed');
    }
  };

  const transfer = async (destination: string, call: ToolCall, to: string) => {
    const patience = new Promise((resolve) => setTimeout(resolve, ANNOUNCEMENT_LIMIT_MS).unref());
    await Promise.race([call.replied, patience]);
    if (context.signal.aborted) return;
    const outcome = await context.refer(to);
    await settle(destination, outcome);
  };

  return {
    name: 'transfer_call',
    description:
      `Put the caller through to one of: ${names.join(', ')}. ` +
      'When it answers "transferring", say only the sentence in "say", then be silent.',
    parameters,
    async run(args, call) {
      const destination = String(args.destination);
      const target = names.includes(destination) ? context.transfers[destination] : undefined;
      const result = !target
        ? { status: 'unknown_destination', destinations: names }
        : busy !== 'no'
          ? { status: 'already_transferring' }
          : {
              status: 'transferring',
              say: target.say ?? 'One moment, I will put you through.',
            };
      const starts = result.status === 'transferring' && target !== undefined;
      if (starts) busy = 'referring';
      try {
        await context.record({
          toolCallId: call.toolCallId,
          name: 'transfer_call',
          arguments: { destination },
          result,
        });
      } catch (error) {
        if (starts) busy = 'no';
        throw error;
      }
      if (starts) {
        transfer(destination, call, target.to).catch((error) => {
          if (context.signal.aborted) return;
          context.log.error({ err: error, destination }, 'a transfer is not recorded');
        });
      }
      return { result };
    },
  };
}

function describeFailure(sipStatus: number | null): string {
  if (sipStatus === 486 || sipStatus === 600) return 'the line is busy';
  if (sipStatus === 603) return 'the call was declined';
  if (sipStatus === 408 || sipStatus === 480) return 'nobody answered';
  return 'it was refused';
}
