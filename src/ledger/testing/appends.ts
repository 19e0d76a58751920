import { newId } from '../../ids.ts';
import type { Append, EventDraft } from '../../store/store.ts';

/** The append that opens a call, as `src/call` makes it. */
export function opening(callId: string): Append & { events: [EventDraft] } {
  const time = Date.now();
  return {
    callId,
    open: {
      id: callId,
      direction: 'inbound',
      from: '+15550100001',
      to: '+15550100000',
      agentId: 'receptionist',
      room: `room-${callId}`,
      metadata: {},
      time,
    },
    events: [{ id: newId('evt'), type: 'call.started', time, data: {} }],
  };
}

export function utterance(callId: string, text: string): Append & { events: [EventDraft] } {
  const data = { role: 'caller', text, item_id: `item_${text}` };
  return {
    callId,
    events: [{ id: newId('evt'), type: 'transcript.final', time: Date.now(), data }],
  };
}

export function ending(callId: string): Append & { events: [EventDraft] } {
  const data = { end_reason: 'caller_hung_up' };
  return { callId, events: [{ id: newId('evt'), type: 'call.ended', time: Date.now(), data }] };
}
