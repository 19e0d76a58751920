import { newId } from '../ids.ts';
import { refer } from '../telephony/refer.ts';
import type { ToolContext } from '../tools/tool_context.ts';
import { event } from './call_journal.ts';
import { sayGoodbye } from './conversation.ts';
import { transfers } from './instructions.ts';
import { contactInHand, type LiveCall } from './live_call.ts';

/** What the tools may know of this call, and do to it. */
export function toolContext(call: LiveCall): ToolContext {
  const { journal, ending, log, profile } = call;
  const phone = call.caller?.from ?? null;
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
    record: ({ events = [], ...entry }) =>
      journal.tool({ ...entry, events: events.map(({ type, data }) => event(type, data)) }),
    recordEvent: ({ type, data }) => journal.record(event(type, data)),
    noteJob: ({ text, toolCallId }) => {
      const id = newId('job');
      const contactId = contactInHand(call)?.id ?? null;
      const body = { operation: 'note', id, contactId, phone, text, toolCallId };
      return { id, kind: 'crm_write', target: 'crm', body };
    },
    announce: (instructions) => void call.announcer?.reply(instructions),
    refer: (to) =>
      refer({
        sip: call.livekit.sip,
        room: call.job.room,
        identity: call.caller?.identity ?? '',
        to,
      }),
    end: (reason) => void ending.end(reason),
    sayGoodbye: () => sayGoodbye(call),
  };
}
