import { draftEvent } from '../../src/events/catalogue.ts';
import { newId } from '../../src/ids.ts';
import { LedgerClient } from '../../src/ledger/client.ts';
import { socketPath } from '../../src/ledger/socket_path.ts';
import { spoolDir } from '../../src/ledger/spool.ts';
import { DEFAULT_ENDPOINT_ID } from '../../src/store/default_endpoint.ts';
import type { Measurement } from '../measurement.ts';
import { median } from '../statistics.ts';
import { startBarePoster } from './bare_side.ts';
import { measuredIntent } from './measured_intent.ts';
import { type Receiver, RecordUnderLoad, startReceiver } from './record_under_load.ts';

const CONNECTIONS = 50;
/** As many as one replay makes. */
const EVENTS = 10_000;
const ROUNDS = 5;
const DEADLINE_MS = 120_000;
/** At least half of what the bare loop does. */
const AT_MOST = 2;

/**
 * How fast a pile of waiting deliveries goes out, beside a bare loop that posts the same bytes,
 * signed in advance, over as many connections to the same receiver. A pile is made by a replay, so
 * that the worker is as warm as the loop.
 */
export const throughput: Measurement = {
  name: 'throughput',
  about: 'waiting deliveries a second, beside a bare undici loop of 50 connections',
  run: async ({ quick, lab, log }) => {
    const count = quick ? 200 : EVENTS;
    const rounds = quick ? 1 : ROUNDS;
    const folder = await lab.folder('throughput');
    const receiver = await startReceiver();
    const url = `${receiver.ready.url}/events`;
    const stops: (() => Promise<unknown>)[] = [() => receiver.end()];
    try {
      const record = await RecordUnderLoad.start(folder, { webhookUrl: url });
      stops.push(() => record.stop());
      const madeId = await record.makeEndpoint(url);
      await appendEvents(record, count);
      // To both endpoints; it also warms everything up.
      await drained(receiver, 2 * count);
      const poster = await startBarePoster(folder, record.store, count);
      stops.push(() => poster.end());
      const bare = async () => {
        const posted = poster.ask({ url, connections: CONNECTIONS, everyMs: 0 });
        return (await Promise.all([drained(receiver, count), posted]))[0];
      };
      const ours = async (endpointId: string) => {
        const replayed = record.store.replayDeliveries({ endpointId, since: 0 });
        return (await Promise.all([drained(receiver, count), replayed]))[0];
      };
      await bare();
      const rates: Record<'bare' | 'environment' | 'api', number[]> = {
        bare: [],
        environment: [],
        api: [],
      };
      for (let round = 0; round < rounds; round++) {
        rates.bare.push(await bare());
        rates.environment.push(await ours(DEFAULT_ENDPOINT_ID));
        rates.api.push(await ours(madeId));
        log(`throughput ${round + 1}/${rounds}`);
      }
      const line = (what: string, own: number[]) => ({
        what: `a bare loop's deliveries a second, to those of ${what}`,
        value: median(rates.bare.map((rate, round) => rate / (own[round] ?? Number.NaN))),
        unit: '×' as const,
        atMost: AT_MOST,
        n: own.length,
        failures: 0,
        details: {
          per_second: median(own),
          bare_per_second: median(rates.bare),
          connections: CONNECTIONS,
        },
        samples: { per_second: own, bare_per_second: rates.bare },
      });
      return [
        line("the environment's endpoint", rates.environment),
        line('an endpoint of the API', rates.api),
      ];
    } finally {
      for (const stop of stops.toReversed()) await stop();
    }
  },
};

/** Deliveries a second, from the first to the last of `count` arrivals. */
async function drained(receiver: Receiver, count: number): Promise<number> {
  const { at, refused } = await receiver.ask({ count, deadlineMs: DEADLINE_MS });
  if (at.length < count || refused > 0) {
    throw new Error(`of ${count} deliveries ${at.length} arrived, ${refused} were refused`);
  }
  return (1_000 * (at.length - 1)) / (Math.max(...at) - Math.min(...at));
}

/** Of a call that does not end, so that nothing else is delivered. */
async function appendEvents(record: RecordUnderLoad, count: number): Promise<void> {
  const callId = newId('call');
  const ledger = new LedgerClient({
    callId,
    lease: 1,
    socketPath: await socketPath(record.dataDir),
    spoolDir: spoolDir(record.dataDir),
  });
  const time = Date.now();
  const call = { from: null, to: '+15550105001', agentId: 'bench', room: 'bench', metadata: {} };
  const first = draftEvent('call.started', {}, { time });
  await ledger.append({
    callId,
    open: { id: callId, direction: 'inbound', ...call, time },
    events: [first],
  });
  const appends: Promise<unknown>[] = [];
  for (let n = 1; n < count; n++) {
    appends.push(ledger.append({ callId, events: [measuredIntent(n)] }));
    if (n % 500 === 0) await Promise.all(appends.splice(0));
  }
  await Promise.all(appends);
  await ledger.close({ deadlineMs: DEADLINE_MS });
}
