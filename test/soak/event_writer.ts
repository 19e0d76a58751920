import { setTimeout as sleep } from 'node:timers/promises';
import { draftEvent } from '../../src/events/catalogue.ts';
import { newId } from '../../src/ids.ts';
import { LedgerClient } from '../../src/ledger/client.ts';
import { socketPath } from '../../src/ledger/socket_path.ts';
import { spoolDir } from '../../src/ledger/spool.ts';
import type { Append, EventDraft } from '../../src/store/store.ts';

/**
 * A call process without a call: `node event_writer.ts <DATA_DIR> <intents> <every ms>`. One call,
 * from its start to its end, written as calls write it; workers come and go meanwhile. Tells its
 * parent what has become durable, in order.
 */
export interface Written {
  callId: string;
  id: string;
  type: string;
  where: 'ledger' | 'spool';
}

/** Beyond the deadline of a worker that starts; behind it the spool has the rest. */
const CLOSE_DEADLINE_MS = 5_000;

const [dataDir, intents, everyMs] = process.argv.slice(2);
if (!dataDir || !intents || !everyMs) {
  throw new Error('usage: <DATA_DIR> <intents> <every ms>');
}

const callId = newId('call');
const client = new LedgerClient({
  callId,
  lease: 1,
  socketPath: await socketPath(dataDir),
  spoolDir: spoolDir(dataDir),
});

async function write(draft: EventDraft, open?: Append['open']): Promise<void> {
  const where = await client.append({ callId, events: [draft], ...(open && { open }) });
  process.send?.({ callId, id: draft.id, type: draft.type, where } satisfies Written);
}

const time = Date.now();
const parties = { from: '+15550105099', to: '+15550105001', agentId: 'front-desk' };
await write(draftEvent('call.started', {}, { time }), {
  id: callId,
  direction: 'inbound',
  ...parties,
  // No such room: LiveKit is told to delete it by whoever takes this for a dead call.
  room: callId,
  metadata: {},
  time,
});
await write(draftEvent('call.answered', { ring_ms: 800, context: 'none' }));
await write(draftEvent('transcript.final', { role: 'caller', text: 'I soak.', item_id: 'item_1' }));
// As a call does it: the next one does not wait for what is still on its way.
const writes: Promise<void>[] = [];
for (let n = 1; n <= Number(intents); n++) {
  writes.push(
    write(draftEvent('intent.recorded', { intent: `soak ${n}`, tool_call_id: `fc_${n}` })),
  );
  await sleep(Number(everyMs));
}
await Promise.all(writes);
await write(draftEvent('call.ended', { end_reason: 'caller_hung_up' }));
await client.close({ deadlineMs: CLOSE_DEADLINE_MS });
process.disconnect?.();
