import type { IncomingHttpHeaders } from 'node:http';
import { Agent, request } from 'undici';
import type { CrmBackend } from '../sim/crm/crm_backend.ts';
import type { ReceivedEvent } from '../sim/crm/webhook_inbox.ts';
import { draftEvent } from '../src/events/catalogue.ts';
import { newId } from '../src/ids.ts';
import { LedgerClient } from '../src/ledger/client.ts';
import { socketPath } from '../src/ledger/socket_path.ts';
import { spoolDir } from '../src/ledger/spool.ts';
import type { Measurement } from './measurement.ts';
import { median, spread } from './statistics.ts';

const EVENTS_PER_PAIR = 5;
const DEADLINE_MS = 10_000;

/**
 * From the append of an event to its verified arrival at the backend, through the running worker's
 * ledger and delivery loop. Each is followed by a plain POST of the same bytes and headers, which
 * is what the network and the receiver take of it. One process appends, posts and receives: one
 * clock.
 */
export const eventDelivery: Measurement = {
  name: 'events',
  about: 'event → verified POST at the backend, beside a plain POST of the same bytes',
  run: async ({ pairs, quick, lab, log }) => {
    const { installation } = await lab.ours();
    const { backend, dataDir } = installation;
    const count = quick ? EVENTS_PER_PAIR : pairs * EVENTS_PER_PAIR;
    const callId = newId('call');
    const ledger = new LedgerClient({
      callId,
      lease: 1,
      socketPath: await socketPath(dataDir),
      spoolDir: spoolDir(dataDir),
    });
    const agent = new Agent();
    const delivered: number[] = [];
    const posted: number[] = [];
    try {
      const time = Date.now();
      const from = null;
      const room = 'bench';
      const call = { id: callId, from, to: installation.number, room, metadata: {}, time };
      await ledger.append({
        callId,
        open: { ...call, direction: 'inbound', agentId: 'front-desk' },
        events: [draftEvent('call.started', {}, { time })],
      });
      // Four in front, for connections and code that are still cold.
      for (let i = -4; i < count; i++) {
        const intent = { intent: 'measured', tool_call_id: `call_${i}` };
        const draft = draftEvent('intent.recorded', intent);
        const appendedAt = performance.now();
        const arrival = arrivalOf(backend, ({ id }) => id === draft.id);
        const appended = ledger.append({ callId, events: [draft] });
        const { at, event } = await arrivalBeside(arrival, appended);
        const plain = await plainPost(agent, backend, event);
        if (i < 0) continue;
        delivered.push(at - appendedAt);
        posted.push(plain);
      }
    } catch (error) {
      log(`events: broke after ${delivered.length}: ${error}`);
    } finally {
      const end = draftEvent('call.ended', { end_reason: 'caller_hung_up' });
      await ledger.append({ callId, events: [end] }).catch(() => undefined);
      await ledger.close({ deadlineMs: DEADLINE_MS });
      await agent.close();
    }
    log(`events ${delivered.length}/${count}`);
    return [
      {
        what: 'event → verified POST at the backend: p50',
        value: delivered.length > 0 ? median(delivered) : null,
        unit: 'ms',
        atMost: null,
        n: delivered.length,
        failures: count - delivered.length,
        details: { ...spread('delivered', delivered), ...spread('plain_post', posted) },
        samples: { delivered, plain_post: posted },
      },
    ];
  },
};

interface Arrival {
  at: number;
  event: ReceivedEvent;
}

async function arrivalOf(
  backend: CrmBackend,
  matches: (event: ReceivedEvent) => boolean,
): Promise<Arrival> {
  const event = await backend.waitForEvent(matches, AbortSignal.timeout(DEADLINE_MS));
  return { at: performance.now(), event };
}

/** Waits beside `work`, so that neither's failure is left unheard. */
async function arrivalBeside(arrival: Promise<Arrival>, work: Promise<unknown>): Promise<Arrival> {
  const [arrived] = await Promise.all([arrival, work]);
  return arrived;
}

/** Headers that belong to the connection, not to the message. */
const OF_THE_CONNECTION = ['host', 'connection', 'content-length', 'transfer-encoding'];

async function plainPost(agent: Agent, backend: CrmBackend, event: ReceivedEvent): Promise<number> {
  const deliveryId = newId('dlv');
  const headers: IncomingHttpHeaders = { ...event.headers, 'x-webhook-delivery-id': deliveryId };
  for (const name of OF_THE_CONNECTION) delete headers[name];
  const sentAt = performance.now();
  const arrival = arrivalOf(backend, (one) => one.deliveryId === deliveryId);
  const answered = request(`${backend.url}${event.path}`, {
    dispatcher: agent,
    method: 'POST',
    headers,
    body: event.raw,
  }).then((answer) => answer.body.dump());
  return (await arrivalBeside(arrival, answered)).at - sentAt;
}
