import { draftEvent } from '../../events/catalogue.ts';
import { newId } from '../../ids.ts';
import type { Append, CallOpening, Store } from '../../store/store.ts';

/** Made up. */
export const CALLER = '+15550100001';

/** The opening of a call that comes in. */
export function callFrom(id: string, time: number): CallOpening {
  return {
    id,
    direction: 'inbound',
    from: CALLER,
    to: '+15550100000',
    agentId: 'receptionist',
    room: `room-${id}`,
    metadata: { tenant: 'seven' },
    time,
  };
}

/** Writes a call with two utterances as its process would, and returns its id. */
export async function liveCall(store: Store, time = Date.now() - 60_000): Promise<string> {
  const id = newId('call');
  await write(store, {
    callId: id,
    open: callFrom(id, time),
    events: [
      draftEvent('call.started', {}, { time }),
      draftEvent('call.answered', { ring_ms: 900, context: 'none' }, { time: time + 1_000 }),
      utterance('agent', 'Front desk.', time + 2_000),
      utterance('caller', 'Is the flat free?', time + 4_000),
    ],
  });
  return id;
}

/** The same, and its end 31 s behind `time`. */
export async function endedCall(store: Store, time = Date.now() - 60_000): Promise<string> {
  const id = await liveCall(store, time);
  const end = { time: time + 31_000 };
  const ended = draftEvent('call.ended', { end_reason: 'caller_hung_up' }, end);
  await write(store, { callId: id, events: [ended] });
  return id;
}

function utterance(role: 'agent' | 'caller', text: string, time: number) {
  return draftEvent('transcript.final', { role, text, item_id: `item_${time}` }, { time });
}

export async function write(store: Store, append: Append): Promise<void> {
  const [result] = await store.append([append]);
  if (result?.status !== 'appended') throw new Error(`not appended: ${JSON.stringify(result)}`);
}
