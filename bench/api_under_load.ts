import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { SendOrder, SendReport } from './api_sender.ts';
import { BenchProcess } from './bench_process.ts';
import { fsyncTimes } from './fsync_probe.ts';
import type { MeasurementOptions } from './measurement.ts';
import { rested } from './rest.ts';
import type { Line } from './result.ts';
import { median, quantile, spread } from './statistics.ts';
import { Undisturbed } from './undisturbed.ts';

/** Made up. */
export const API_KEY = 'a-made-up-key-for-the-bench';

const AT_MOST = 2;
const TURNS = 8;
const TURN_SECONDS = 5;
/** Before anything counts, for each side: its code is compiled, its connections are there. */
const WARM_UP_SECONDS = 10;
const FSYNCS = 100;

type Host = BenchProcess<never, never, { url: string }>;

/** What the worker's record needs to start, and nothing that happens to be set where the bench runs. */
export async function hostEnvironment(
  folder: string,
  settings: Readonly<Record<string, string>>,
): Promise<NodeJS.ProcessEnv> {
  const dataDir = join(folder, 'data');
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const { PATH, HOME, TMPDIR, XDG_RUNTIME_DIR } = process.env;
  return {
    PATH,
    HOME,
    TMPDIR,
    XDG_RUNTIME_DIR,
    DATA_DIR: dataDir,
    LIVEKIT_URL: 'ws://127.0.0.1:1',
    LIVEKIT_API_KEY: 'bench',
    LIVEKIT_API_SECRET: 'a-made-up-secret-of-enough-characters',
    ...settings,
  };
}

/** Our record and API in a process of their own. */
export async function startApi(
  folder: string,
  settings: Readonly<Record<string, string>>,
): Promise<Host> {
  const environment = await hostEnvironment(folder, {
    PORT: '0',
    API_KEY,
    LOG_LEVEL: 'error',
    ...settings,
  });
  return await BenchProcess.start(new URL('./api_host.ts', import.meta.url), [], environment);
}

/** A Fastify route with one durable insert, in a process of its own. */
export function startBareApi(folder: string, status: number): Promise<Host> {
  return BenchProcess.start(new URL('./bare_api.ts', import.meta.url), [folder, String(status)]);
}

export interface ApiComparison {
  name: string;
  what: string;
  path: string;
  /** Of an answer that counts. */
  status: number;
  /** Requests a second. */
  rate: number;
  /** Module with the requests' bodies: see `RequestBodies`. */
  bodies: URL;
  /** Of our side, besides those that every host has. */
  settings: Readonly<Record<string, string>>;
  /** What a real installation has before the first request; the bodies are told what it comes to. */
  prepare?: (ours: string) => Promise<string>;
}

/**
 * The same requests at the same steady rate to our API and to the bare one, in turns, from a process of
 * their own. What is compared is the p99 of turns that follow each other: a machine that gets slower over
 * the minutes slows both. Ours has answered before all is done that follows from it; the bare one waits for
 * that, and `ours_rest` says for how long.
 */
export async function besideBareApi(
  { name, what, path, status, rate, bodies, settings, prepare }: ApiComparison,
  { quick, lab, log }: Pick<MeasurementOptions, 'quick' | 'lab' | 'log'>,
): Promise<Omit<Line, 'measurement'>> {
  const folder = await lab.folder(name);
  const ends: (() => Promise<unknown>)[] = [];
  try {
    const ours = await startApi(folder, settings);
    ends.push(() => ours.end());
    const bare = await startBareApi(folder, status);
    ends.push(() => bare.end());
    const sender = await BenchProcess.start<SendOrder, SendReport>(
      new URL('./api_sender.ts', import.meta.url),
      [bodies.href, (await prepare?.(ours.ready.url)) ?? ''],
    );
    ends.push(() => sender.end());
    const urls = { ours: `${ours.ready.url}${path}`, bare: `${bare.ready.url}${path}` };
    const rests: number[] = [];
    const send = async (side: keyof typeof urls, seconds: number) => {
      const report = await sender.ask({
        url: urls[side],
        headers: { 'x-api-key': API_KEY },
        rate,
        count: Math.ceil(rate * seconds),
        status,
      });
      if (side === 'ours') rests.push(await rested(ours.pid));
      return report;
    };
    const all = { ours: [] as number[], bare: [] as number[] };
    const p99 = { ours: [] as number[], bare: [] as number[] };
    let failures = 0;
    const fsyncs = fsyncTimes(folder, quick ? 10 : FSYNCS);
    for (const side of ['bare', 'ours'] as const) await send(side, quick ? 0.1 : WARM_UP_SECONDS);
    const undisturbed = new Undisturbed(quick ? 0 : TURNS, log);
    const turns = quick ? 1 : TURNS;
    for (let turn = 0; turn < turns; turn++) {
      const order = ['bare', 'ours'] as const;
      const reports = await undisturbed.measure(async () => {
        const latencies = { ours: [] as number[], bare: [] as number[] };
        for (const side of turn % 2 === 0 ? order : order.toReversed()) {
          const report = await send(side, quick ? 0.5 : TURN_SECONDS);
          latencies[side] = report.latencies;
          failures += report.failures;
        }
        return latencies;
      });
      for (const side of order) {
        all[side].push(...reports[side]);
        p99[side].push(quantile(reports[side], 0.99));
      }
      const [mine, its] = [p99.ours.at(-1), p99.bare.at(-1)];
      log(`${name} ${turn + 1}/${turns}: p99 ${mine?.toFixed(1)}, bare ${its?.toFixed(1)} ms`);
    }
    fsyncs.push(...fsyncTimes(folder, quick ? 10 : FSYNCS));
    const ratio = median(p99.ours.map((mine, turn) => mine / (p99.bare[turn] ?? Number.NaN)));
    return {
      what,
      value: Number.isFinite(ratio) ? ratio : null,
      unit: '×',
      atMost: AT_MOST,
      n: all.ours.length,
      failures,
      details: {
        ...spread('ours', all.ours),
        ...spread('bare', all.bare),
        ...spread('fsync', fsyncs),
        ours_rest_p50: median(rests),
        ...undisturbed.details,
      },
      samples: { ours_p99: p99.ours, bare_p99: p99.bare },
    };
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}
