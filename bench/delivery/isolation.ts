import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import type { Measurement } from '../measurement.ts';
import { quantile, spread } from '../statistics.ts';
import { latencies } from './latencies.ts';
import { type Receiver, RecordUnderLoad, startReceiver } from './record_under_load.ts';
import { Writers } from './writers.ts';

const ENDPOINTS = 10;
const WRITERS = 5;
const EVERY_MS = 250;
const WARM_UP_MS = 3_000;
/** Past the first time-outs of the one that hangs, 15 s each. */
const DURATION_MS = 20_000;
const ROUNDS = 3;
const DEADLINE_MS = 60_000;
const AT_MOST = 2;

/**
 * What one dead and one hanging endpoint of ten cost the others: 200 deliveries a second, with all
 * ten healthy and with two of them ill from the moment on that is measured.
 */
export const isolation: Measurement = {
  name: 'isolation',
  about: 'p99 of 8 healthy endpoints with 1 dead and 1 hanging beside them, to all 10 healthy',
  run: async ({ quick, lab, log }) => {
    const rounds = quick ? 1 : ROUNDS;
    const receiver = await startReceiver();
    const healthy: number[] = [];
    const ailing: number[] = [];
    try {
      for (let round = 0; round < rounds; round++) {
        const measure = async (ill: boolean) => {
          const folder = await lab.folder('isolation');
          const measured = await withEndpoints({ receiver, folder, ill, quick });
          (ill ? ailing : healthy).push(...measured);
        };
        // What the machine does over the minutes must not fall on one of the two alone.
        await measure(round % 2 === 1);
        await measure(round % 2 === 0);
        log(`isolation ${round + 1}/${rounds}`);
      }
    } finally {
      await receiver.end();
    }
    return [
      {
        what: 'p99 of healthy endpoints beside a dead and a hanging one, to that without',
        value: quantile(ailing, 0.99) / quantile(healthy, 0.99),
        unit: '×' as const,
        atMost: AT_MOST,
        n: ailing.length,
        failures: 0,
        details: { ...spread('beside_ill', ailing), ...spread('all_healthy', healthy) },
      },
    ];
  },
};

/** Append → arrival at the eight that are healthy in either case. */
async function withEndpoints(options: {
  receiver: Receiver;
  folder: string;
  ill: boolean;
  quick: boolean;
}): Promise<number[]> {
  const { receiver, folder, ill, quick } = options;
  const stops: (() => Promise<unknown>)[] = [];
  try {
    const record = await RecordUnderLoad.start(folder);
    // What hangs would be waited for.
    stops.push(() => record.stop({ kill: ill }));
    const ids: string[] = [];
    for (let i = 0; i < ENDPOINTS; i++) {
      ids.push(await record.makeEndpoint(`${receiver.ready.url}/${i}`));
    }
    const writers = await Writers.start(record.dataDir, quick ? 1 : WRITERS);
    stops.push(() => writers.end());
    const write = async (durationMs: number, endpoints: number) => {
      const order = { receiver, everyMs: EVERY_MS, durationMs, endpoints };
      const { reports, arrivals, count } = await writers.write(order);
      if (arrivals.at.length < count) {
        throw new Error(`of ${count} deliveries ${arrivals.at.length} arrived`);
      }
      return latencies(reports, arrivals);
    };
    await receiver.ask({ count: writers.count * ENDPOINTS, deadlineMs: DEADLINE_MS });
    await write(quick ? 500 : WARM_UP_MS, ENDPOINTS);
    const [dead = '', hanging = ''] = ids.slice(-2);
    if (ill) {
      await record.store.updateEndpoint(dead, { url: await closedAddress() });
      await record.store.updateEndpoint(hanging, { url: `${receiver.ready.url}/hang` });
    }
    const all = await write(quick ? 1_000 : DURATION_MS, ill ? ENDPOINTS - 2 : ENDPOINTS);
    return all.filter(({ path }) => Number(path.slice(1)) < ENDPOINTS - 2).map(({ ms }) => ms);
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

/** Where nobody listens any more. */
async function closedAddress(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return `http://127.0.0.1:${port}/events`;
}
