import { fsyncTimes } from '../fsync_probe.ts';
import type { Measurement } from '../measurement.ts';
import type { Line } from '../result.ts';
import { quantile, spread } from '../statistics.ts';
import { startBarePoster } from './bare_side.ts';
import { latencies } from './latencies.ts';
import { type Receiver, RecordUnderLoad, startReceiver } from './record_under_load.ts';
import { Writers } from './writers.ts';

const WRITERS = 50;
const EVERY_MS = 100;
const DURATION_MS = 30_000;
const CONNECTIONS = 50;
const P50_MS = 30;
const P99_MS = 200;
/**
 * At full rate, and not counted: 50 processes and a worker that have never done this before take
 * 300 ms for their first events.
 */
const WARM_UP_MS = 5_000;
const FSYNCS = 300;
const DEADLINE_MS = 60_000;

/**
 * From the append in a call's process to the verified arrival, with 50 processes of 10 events a
 * second; beside a bare loop that posts the same bytes at the same rate.
 */
export const load: Measurement = {
  name: 'load',
  about: 'append → verified POST at 500 events/s from 50 processes, beside plain POSTs',
  run: async ({ quick, lab, log }) => {
    const durationMs = quick ? 1_000 : DURATION_MS;
    const fsyncs = quick ? 20 : FSYNCS;
    const folder = await lab.folder('load');
    const receiver = await startReceiver();
    const stops: (() => Promise<unknown>)[] = [() => receiver.end()];
    try {
      const url = `${receiver.ready.url}/events`;
      const record = await RecordUnderLoad.start(folder, { webhookUrl: url });
      stops.push(() => record.stop());
      const writers = await Writers.start(record.dataDir, quick ? 3 : WRITERS);
      stops.push(() => writers.end());
      log(`load: ${writers.count} writers are connected`);
      // Each has opened its call.
      await receiver.ask({ count: writers.count, deadlineMs: DEADLINE_MS });
      const write = (durationMs: number) =>
        writers.write({ receiver, everyMs: EVERY_MS, durationMs });
      await write(quick ? EVERY_MS : WARM_UP_MS);
      const disk = fsyncTimes(folder, fsyncs);
      const { reports, arrivals, count } = await write(durationMs);
      disk.push(...fsyncTimes(folder, fsyncs));
      const delivered = latencies(reports, arrivals).map(({ ms }) => ms);
      log(`load: delivered ${delivered.length}/${count}`);

      const poster = await startBarePoster(folder, record.store, count);
      stops.push(() => poster.end());
      const everyMs = EVERY_MS / writers.count;
      const posted = poster.ask({ url, connections: CONNECTIONS, everyMs });
      const plain = await plainPosts(receiver, posted, count, durationMs);
      const details = {
        ...spread('delivered', delivered),
        ...spread('fsync', disk),
        bytes: arrivals.bytes / Math.max(1, arrivals.at.length),
        spooled: reports.reduce((sum, { spooled }) => sum + spooled, 0),
        repeated: arrivals.repeated,
      };
      const rate = `${(1_000 * writers.count) / EVERY_MS} events/s`;
      const ours = { what: `append → verified POST at ${rate}`, values: delivered, count };
      const bare = { what: `plain POST of the same at ${rate}`, values: plain, count };
      return [
        { ...line(ours, 0.5, P50_MS), details },
        line(ours, 0.99, P99_MS),
        { ...line(bare, 0.5, null), details: spread('plain_post', plain) },
        line(bare, 0.99, null),
      ];
    } finally {
      for (const stop of stops.toReversed()) await stop();
    }
  },
};

/** Request → verified arrival of each. */
async function plainPosts(
  receiver: Receiver,
  posted: Promise<{ ids: string[]; at: number[] }>,
  count: number,
  durationMs: number,
): Promise<number[]> {
  const arrived = receiver.ask({ count, deadlineMs: durationMs + DEADLINE_MS });
  const [{ ids, at }, arrivals] = await Promise.all([posted, arrived]);
  return latencies([{ ids, appendedAt: at }], arrivals).map(({ ms }) => ms);
}

function line(
  { what, values, count }: { what: string; values: readonly number[]; count: number },
  q: number,
  atMost: number | null,
): Omit<Line, 'measurement'> {
  return {
    what: `${what}: p${100 * q}`,
    value: values.length > 0 ? quantile(values, q) : null,
    unit: 'ms',
    atMost,
    n: values.length,
    failures: count - values.length,
    details: {},
  };
}
