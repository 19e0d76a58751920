import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { liveCall } from '../../src/api/testing/written_call.ts';
import { openStore } from '../../src/ledger/open_store.ts';
import type { Store } from '../../src/store/store.ts';
import type { ReceivedEvent } from '../crm/webhook_inbox.ts';
import { CallWatch } from './call_watch.ts';
import { Timeline } from './timeline.ts';

let folder: string;
let store: Store;
let received: ReceivedEvent[];
let lines: string[];
let timeline: Timeline;
let watch: CallWatch;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'callwire-watch-'));
  store = await openStore({ dataDir: folder, defaultEndpoint: { perEvent: true } });
  received = [];
  lines = [];
  timeline = new Timeline((line) => lines.push(stripVTControlCharacters(line)));
  watch = new CallWatch({ received, refused: [] }, timeline, store);
});
afterEach(async () => {
  timeline.end();
  await store.close();
  await rm(folder, { recursive: true });
});

/** As the backend takes it in, so many ms after it was appended. */
async function deliver(callId: string, type: string, afterMs: number): Promise<void> {
  const event = (await store.listCallEvents(callId)).find((one) => one.type === type);
  const deliveries = await store.listDeliveries({ callId, limit: 10 });
  const delivery = deliveries.find(({ eventId }) => eventId === event?.id);
  if (!event || !delivery) throw new Error(`no delivery of ${type}`);
  received.push({
    path: '/webhooks/call',
    event: type,
    id: event.id,
    deliveryId: delivery.id,
    sequence: event.sequence,
    verified: { standard: true, timestamped: true, plain: true },
    headers: {},
    body: JSON.parse(event.body),
    raw: event.body,
    at: delivery.createdAt + afterMs,
  });
}

async function shown(): Promise<string> {
  await watch.settled();
  timeline.end();
  return lines.join('\n');
}

// It said how long ago the phone had begun to ring: 199 ms for a delivery that took 15.
it('says how long a delivery took from its append, whenever the event happened', async () => {
  const callId = await liveCall(store);
  await deliver(callId, 'call.started', 15);
  expect(await shown()).toMatch(
    /#1 call\.started +→ POST \/webhooks\/call +✓ standard ✓ timestamped ✓ plain {2}15 ms after its append$/m,
  );
});

// It said `{} → {}` of a look-up, whose answer does not wait for its record.
it('shows a tool with what the ledger has of it, even where that comes behind the log', async () => {
  const callId = await liveCall(store);
  watch.takeLogLine({
    level: 'info',
    msg: 'tool answered',
    pid: 1,
    time: new Date().toISOString(),
    call: callId,
    tool: 'lookup_crm',
    toolCallId: 'fc_1',
    ms: 1,
  });
  await watch.look();
  const id = `${callId}:fc_1`;
  await store.append([
    {
      callId,
      facts: [
        { id, kind: 'tool_call', time: 1, data: { name: 'lookup_crm', arguments: {} } },
        { id: `${id}:result`, kind: 'tool_result', time: 1, data: { result: { status: 'found' } } },
      ],
    },
  ]);
  expect(await shown()).toContain('lookup_crm {} → {"status":"found"}  in 1 ms');
});

it('tells how a call ended, from its answer on', async () => {
  const line = { level: 'info', msg: 'call ended', pid: 1, time: new Date().toISOString() };
  const ended = { ...line, call: 'call_1', end_reason: 'agent_hung_up', duration_ms: 28_100 };
  watch.takeLogLine({ ...ended, answered: true });
  watch.takeLogLine({ ...ended, end_reason: 'model_unavailable', duration_ms: 0, answered: false });
  const text = await shown();
  expect(text).toContain('the call is over, 28.1 s after the answer: agent_hung_up');
  expect(text).toContain('the call is over, unanswered: model_unavailable');
});
