import { derivedId } from '../ids.ts';
import type { ToolContext } from '../tools/tool_context.ts';
import { offerGoodbye } from './goodbye.ts';
import { transfers } from './instructions.ts';
import { contactInHand, type LiveCall, otherParty } from './live_call.ts';
import { referPhone } from './refer_phone.ts';

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
