import { derivedId } from '../ids.ts';
import { type ReferOutcome, refer } from '../telephony/refer.ts';
import type { ToolContext } from '../tools/tool_context.ts';
import { offerGoodbye } from './goodbye.ts';
import { transfers } from './instructions.ts';
import { lastWordsHeard } from './last_words.ts';
import { contactInHand, type LiveCall, otherParty } from './live_call.ts';

/** What the tools may know of this call, and do to it. */
export function toolContext(call: LiveCall): ToolContext {
  const { journal, ending, log, profile } = call;
  const phone = otherParty(call);
  return {
    callId: call.id,
    phone,
    log,
    signal: ending.signal,
    lookup: profile?.lookup ?? 'caller',
    speakFields: profile?.speakFields ?? ['name'],
    transfers: transfers(call),
    knownContact: () => call.contact,
    findByPhone: (number, signal) => {
      if (!call.crm) return Promise.resolve(null);
      return call.crm.findByPhone(number, signal);
    },
    record: (entry) => journal.tool(entry),
    recordEvent: (event) => journal.record(event),
    noteJob: ({ text, toolCallId }) => {
      // The same for a repeated tool call, so that its note is written once.
      const id = derivedId('job', call.startedAt, `${call.id} ${toolCallId} note`);
      const contactId = contactInHand(call)?.id ?? null;
      const body = { operation: 'note', id, contactId, phone, text, toolCallId };
      return { id, kind: 'crm_write', target: 'crm', body };
    },
    announce: (instructions) => void call.announcer?.reply(instructions),
    refer: (to) => referPhone(call, to),
    end: (reason) => void ending.end(reason),
    sayGoodbye: () => offerGoodbye(call),
  };
}

/** Until the REFER's outcome is known, and for ever where it is not, the phone may leave for it. */
async function referPhone(call: LiveCall, to: string): Promise<ReferOutcome> {
  const { job, livekit, ending } = call;
  const identity = call.caller?.identity ?? '';
  await lastWordsHeard(call);
  ending.signal.throwIfAborted();
  call.transfer = 'pending';
  const outcome = await refer({ sip: livekit.sip, room: job.room, identity, to });
  if (outcome.outcome === 'failed') {
    delete call.transfer;
    // It left while the outcome was awaited, which nobody took for a hang-up then.
    if (!job.room.remoteParticipants.has(identity)) void ending.end('caller_hung_up');
  } else if (outcome.outcome === 'unconfirmed' && !outcome.callerGone) {
    call.transfer = 'unconfirmed';
  }
  return outcome;
}
