import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BenchProcess } from '../bench_process.ts';
import type { Measurement } from '../measurement.ts';
import { median, quantile, spread } from '../statistics.ts';
import type { SendOrder, SendReport } from './sender.ts';

/** Made up. */
const KEY = 'a-made-up-key-for-the-bench';
const RATE = 500;
const SECONDS = 15;
const ROUNDS = 3;
const AT_MOST = 2;

/**
 * Webhooks of other platforms at a steady rate, beside a Fastify route that does nothing with them but
 * one durable insert. Ours does the same durably, and all that follows of it: the call, its events,
 * the jobs behind them.
 */
export const ingest: Measurement = {
  name: 'ingest',
  about: `${RATE} webhooks of other platforms a second, beside a Fastify route with one durable insert`,
  run: async ({ quick, lab, log }) => {
    const rate = quick ? 50 : RATE;
    const count = rate * (quick ? 2 : SECONDS);
    const rounds = quick ? 1 : ROUNDS;
    const folder = await lab.folder('ingest');
    const processes: Pick<BenchProcess, 'end'>[] = [];
    const started = async <P extends Pick<BenchProcess, 'end'>>(
      starting: Promise<P>,
    ): Promise<P> => {
      const one = await starting;
      processes.push(one);
      return one;
    };
    try {
      const ours = await started(startOurs(folder));
      const bare = await started(
        BenchProcess.start<never, never, string>(new URL('./bare_host.ts', import.meta.url), [
          folder,
        ]),
      );
      const sender = await started(
        BenchProcess.start<SendOrder, SendReport>(new URL('./sender.ts', import.meta.url)),
      );
      const sides = { bare: bare.ready, ours: ours.ready };
      const ask = (side: keyof typeof sides, webhooks: number) =>
        sender.ask({ url: sides[side], key: KEY, rate, count: webhooks });
      for (const side of ['bare', 'ours'] as const) await ask(side, Math.ceil(count / 3));
      const p99: Record<keyof typeof sides, number[]> = { bare: [], ours: [] };
      const all: Record<keyof typeof sides, number[]> = { bare: [], ours: [] };
      let failures = 0;
      for (let round = 0; round < rounds; round++) {
        const order = ['bare', 'ours'] as const;
        for (const side of round % 2 === 0 ? order : order.toReversed()) {
          const report = await ask(side, count);
          p99[side].push(quantile(report.latencies, 0.99));
          all[side].push(...report.latencies);
          failures += report.failures;
        }
        log(`ingest ${round + 1}/${rounds}`);
      }
      return [
        {
          what: `a webhook's answer at ${rate} a second: p99, to that of one durable insert`,
          value: median(p99.ours.map((ours, round) => ours / (p99.bare[round] ?? Number.NaN))),
          unit: '×' as const,
          atMost: AT_MOST,
          n: all.ours.length,
          failures,
          details: { ...spread('ours', all.ours), ...spread('bare', all.bare) },
          samples: { ours_p99: p99.ours, bare_p99: p99.bare },
        },
      ];
    } finally {
      await Promise.all(processes.map((one) => one.end()));
    }
  },
};

async function startOurs(folder: string): Promise<BenchProcess<never, never, string>> {
  const dataDir = join(folder, 'data');
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const { PATH, HOME, TMPDIR, XDG_RUNTIME_DIR } = process.env;
  return await BenchProcess.start<never, never, string>(
    new URL('./our_host.ts', import.meta.url),
    [],
    {
      PATH,
      HOME,
      TMPDIR,
      XDG_RUNTIME_DIR,
      DATA_DIR: dataDir,
      LIVEKIT_URL: 'ws://127.0.0.1:1',
      LIVEKIT_API_KEY: 'bench',
      LIVEKIT_API_SECRET: 'a-made-up-secret-of-enough-characters',
      PORT: '0',
      API_KEY: KEY,
      LOG_LEVEL: 'error',
    },
  );
}
