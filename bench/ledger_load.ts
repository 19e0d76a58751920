import { setTimeout as sleep } from 'node:timers/promises';
import { BenchProcess } from './bench_process.ts';
import { fsyncTimes } from './fsync_probe.ts';
import type { Measurement } from './measurement.ts';
import { median, quantile, spread } from './statistics.ts';

const HOST = new URL('./ledger_host.ts', import.meta.url);
const WRITER = new URL('./ledger_writer.ts', import.meta.url);
const WRITERS = 30;
const CONTROLS = 3;
const EVERY_MS = 100;
const DURATION_MS = 30_000;
const FSYNCS = 300;
/** After the last process has started: its modules are compiled, its garbage is collected. */
const SETTLE_MS = 5_000;

/** What a writer is told to do. */
export interface Order {
  everyMs: number;
  durationMs: number;
  /** An utterance, which is only kept, or an intent, 2 KB, which is delivered. */
  event: 'utterance' | 'intent';
  /** Whether its event loop is watched, which costs each process 100 wake-ups a second. */
  watchesLoop: boolean;
}

/** What it saw. */
export interface Report {
  /** Of its events, in their order. */
  ids: string[];
  /** `steadyNow()` */
  appendedAt: number[];
  /** Append → durable, milliseconds. */
  latencies: number[];
  /** Of these, durable in the spool because no acknowledgement came within 100 ms. */
  spooled: number;
  failed: number;
  /** The longest time for which its event loop stood still, milliseconds; 0 where it was not watched. */
  stallMs: number;
}

/**
 * From append to acknowledgement with 30 call processes of 10 events a second, against the worker's
 * ledger in a process of its own. The disk's share is known from fsyncs before and after.
 */
export const ledgerLoad: Measurement = {
  name: 'ledger',
  about: 'ledger append → acknowledgement with 30 processes × 10 events/s, event loop stalls',
  run: async ({ quick, lab, log }) => {
    const writers = quick ? 3 : WRITERS;
    const durationMs = quick ? 1_000 : DURATION_MS;
    const dataDir = await lab.folder('ledger');
    const fsyncs = fsyncTimes(dataDir, quick ? 20 : FSYNCS);
    const processes: Pick<BenchProcess, 'end'>[] = [];
    const startWriter = async (args: string[]) => {
      const writer = await BenchProcess.start<Order, Report>(WRITER, args);
      processes.push(writer);
      return writer;
    };
    try {
      processes.push(await BenchProcess.start(HOST, [dataDir]));
      // One after the other: 30 starting processes would be all that this measures.
      const writing: BenchProcess<Order, Report>[] = [];
      for (let i = 0; i < writers; i++) writing.push(await startWriter([dataDir]));
      const idle: BenchProcess<Order, Report>[] = [];
      for (let i = 0; i < CONTROLS; i++) idle.push(await startWriter([]));
      log(`ledger: ${writers} writers are connected`);
      await sleep(quick ? 0 : SETTLE_MS);
      const order: Order = { everyMs: EVERY_MS, durationMs, event: 'utterance', watchesLoop: true };
      const reports = await Promise.all([...writing, ...idle].map((writer) => writer.ask(order)));
      await Promise.all(processes.splice(0).map((one) => one.end()));
      fsyncs.push(...fsyncTimes(dataDir, quick ? 20 : FSYNCS));
      log(`ledger: measured ${durationMs / 1_000} s`);
      return lines(reports.slice(0, writers), reports.slice(writers), fsyncs);
    } finally {
      await Promise.all(processes.map((one) => one.end()));
    }
  },
};

function lines(writers: readonly Report[], controls: readonly Report[], fsyncs: readonly number[]) {
  const latencies = writers.flatMap((report) => report.latencies);
  const failures = writers.reduce((sum, { failed }) => sum + failed, 0);
  const spooled = writers.reduce((sum, report) => sum + report.spooled, 0);
  const stalls = writers.map(({ stallMs }) => stallMs);
  const idle = controls.map(({ stallMs }) => stallMs);
  const n = latencies.length;
  return [
    {
      what: 'ledger append → acknowledged: p99',
      value: n > 0 ? quantile(latencies, 0.99) : null,
      unit: 'ms' as const,
      atMost: 10 + 4 * quantile(fsyncs, 0.99),
      n,
      failures,
      details: { ...spread('append', latencies), ...spread('fsync', fsyncs), spooled },
    },
    {
      what: 'longest event loop stall of a writer, beyond that of an idle process',
      value: Math.max(0, Math.max(...stalls) - Math.max(...idle)),
      unit: 'ms' as const,
      atMost: 20,
      n: stalls.length,
      failures: 0,
      details: {
        writers_median: median(stalls),
        writers_max: Math.max(...stalls),
        idle_median: median(idle),
        idle_max: Math.max(...idle),
      },
    },
  ];
}
