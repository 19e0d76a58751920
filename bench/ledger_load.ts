import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { fsyncTimes } from './fsync_probe.ts';
import type { Measurement } from './measurement.ts';
import { median, quantile, spread } from './statistics.ts';

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
}

/** What it saw. */
export interface Report {
  /** Append → durable, milliseconds. */
  latencies: number[];
  /** Of these, durable in the spool because no acknowledgement came within 100 ms. */
  spooled: number;
  failed: number;
  /** The longest time for which its event loop stood still, milliseconds. */
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
    const children: ChildProcess[] = [];
    try {
      children.push(await start('./ledger_host.ts', [dataDir]));
      // One after the other: 30 starting processes would be all that this measures.
      const writing: ChildProcess[] = [];
      for (let i = 0; i < writers; i++) writing.push(await start('./ledger_writer.ts', [dataDir]));
      const idle: ChildProcess[] = [];
      for (let i = 0; i < CONTROLS; i++) idle.push(await start('./ledger_writer.ts', []));
      children.push(...writing, ...idle);
      log(`ledger: ${writers} writers are connected`);
      await sleep(quick ? 0 : SETTLE_MS);
      const order: Order = { everyMs: EVERY_MS, durationMs };
      const measured = [...writing, ...idle].map((child) => measure(child, order));
      const reports = await Promise.all(measured);
      await Promise.all(children.splice(0).reverse().map(end));
      fsyncs.push(...fsyncTimes(dataDir, quick ? 20 : FSYNCS));
      log(`ledger: measured ${durationMs / 1_000} s`);
      return lines(reports.slice(0, writers), reports.slice(writers), fsyncs);
    } finally {
      await Promise.all(children.map(end));
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

/** Resolves when the process says that it is ready; rejects when it exits first. */
async function start(file: string, args: string[]): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args);
  await heard(child);
  return child;
}

async function measure(child: ChildProcess, order: Order): Promise<Report> {
  child.send(order);
  return (await heard(child)) as Report;
}

/** The next message of a child. */
async function heard(child: ChildProcess): Promise<unknown> {
  const over = new AbortController();
  const exited = once(child, 'exit', { signal: over.signal }).then(([code]) => {
    throw new Error(`a process of the bench exited with ${code}`);
  });
  exited.catch(() => undefined);
  try {
    const message = once(child, 'message', { signal: over.signal }).then(([one]) => one as unknown);
    message.catch(() => undefined);
    return await Promise.race([message, exited]);
  } finally {
    over.abort();
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.disconnect();
  const kill = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await exited;
  clearTimeout(kill);
}
