import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Agent, request } from 'undici';
import { BenchProcess } from '../bench_process.ts';
import { fsyncTimes } from '../fsync_probe.ts';
import type { Measurement } from '../measurement.ts';
import { quantile, spread } from '../statistics.ts';

const EVERY_MS = 10;
const WINDOW_MS = 5_000;
const WINDOWS = 6;
const WARM_UP_MS = 2_000;
const CONNECTIONS = 50;
const FSYNCS = 100;
const AT_MOST = 2;
const REQUEST_LIMIT_MS = 10_000;
const A_DAY_MS = 86_400_000;

/** Made up. */
const API_KEY = 'a-made-up-key-for-the-bench';
const PROFILES = fileURLToPath(new URL('../../agent/profiles', import.meta.url));

/**
 * `POST /v1/calls` at 100 requests a second: key, gate, idempotency key, call, event and dial job in
 * one durable append; beside a Fastify route with one durable insert, in turns of 5 s.
 */
export const callsApi: Measurement = {
  name: 'calls-api',
  about: 'POST /v1/calls at 100 requests/s, beside a Fastify route with one durable insert',
  run: async ({ quick, lab, log }) => {
    const folder = await lab.folder('calls');
    const agent = new Agent({ connections: CONNECTIONS });
    const ends: (() => Promise<unknown>)[] = [() => agent.close()];
    try {
      const ours = await startApi(folder);
      ends.push(() => ours.end());
      const bare = await BenchProcess.start<never, never, Ready>(
        new URL('./bare_api.ts', import.meta.url),
        [folder],
      );
      ends.push(() => bare.end());
      const sides = { ours: ours.ready.url, bare: bare.ready.url };
      const times = { ours: [] as number[], bare: [] as number[] };
      let failures = 0;
      const fsyncs = fsyncTimes(folder, quick ? 10 : FSYNCS);
      const window = async (side: 'ours' | 'bare', durationMs: number, counts: boolean) => {
        const { answered, failed } = await post(agent, sides[side], durationMs);
        if (!counts) return;
        times[side].push(...answered);
        failures += failed;
      };
      for (const side of ['bare', 'ours'] as const) {
        await window(side, quick ? 100 : WARM_UP_MS, false);
      }
      for (let turn = 0; turn < (quick ? 1 : WINDOWS); turn++) {
        const order = turn % 2 === 0 ? (['bare', 'ours'] as const) : (['ours', 'bare'] as const);
        for (const side of order) await window(side, quick ? 500 : WINDOW_MS, true);
        log(`calls-api: turn ${turn + 1}, p99 ${p99(times.ours)} ms, bare ${p99(times.bare)} ms`);
      }
      fsyncs.push(...fsyncTimes(folder, quick ? 10 : FSYNCS));
      const n = times.ours.length;
      const ratio = quantile(times.ours, 0.99) / quantile(times.bare, 0.99);
      return [
        {
          what: 'POST /v1/calls at 100/s: p99, ours ÷ a bare durable insert',
          value: n > 0 && Number.isFinite(ratio) ? ratio : null,
          unit: '×',
          atMost: AT_MOST,
          n,
          failures,
          details: {
            ...spread('ours', times.ours),
            ...spread('bare', times.bare),
            ...spread('fsync', fsyncs),
          },
        },
      ];
    } finally {
      for (const end of ends.toReversed()) await end();
    }
  },
};

interface Ready {
  url: string;
}

async function startApi(folder: string): Promise<BenchProcess<never, never, Ready>> {
  const dataDir = join(folder, 'data');
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const { PATH, HOME, TMPDIR, XDG_RUNTIME_DIR } = process.env;
  return await BenchProcess.start(new URL('./api_host.ts', import.meta.url), [], {
    PATH,
    HOME,
    TMPDIR,
    XDG_RUNTIME_DIR,
    LOG_LEVEL: 'error',
    DATA_DIR: dataDir,
    AGENTS_DIR: PROFILES,
    LIVEKIT_URL: 'ws://127.0.0.1:1',
    LIVEKIT_API_KEY: 'bench',
    LIVEKIT_API_SECRET: 'a-made-up-secret-of-enough-characters',
    SIP_OUTBOUND_ADDRESS: '127.0.0.1:1',
    SIP_CALLER_NUMBER: '+15550105001',
    PORT: '0',
    API_KEY,
    RATE_LIMIT_WRITES: '0',
    DAILY_CALLS: '1000000',
    CALLING_HOURS: 'off',
  });
}

let placed = 0;

/** At fixed times, answered or not: a stall shows in all that it delays. Times count from those. */
async function post(
  agent: Agent,
  url: string,
  durationMs: number,
): Promise<{ answered: number[]; failed: number }> {
  const answered: number[] = [];
  let failed = 0;
  const scheduledFor = new Date(Date.now() + A_DAY_MS).toISOString();
  const one = async (due: number) => {
    placed += 1;
    const body = {
      agentId: 'receptionist',
      phoneNumber: `+1555${2_000_000 + placed}`,
      metadata: { lead: placed },
      knownConsent: true,
      idempotencyKey: `lead-${placed}`,
      scheduledFor,
    };
    try {
      const answer = await request(`${url}/v1/calls`, {
        dispatcher: agent,
        method: 'POST',
        headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(REQUEST_LIMIT_MS),
      });
      await answer.body.dump();
      if (answer.statusCode === 202) answered.push(performance.now() - due);
      else failed += 1;
    } catch {
      failed += 1;
    }
  };
  const requests: Promise<void>[] = [];
  const startedAt = performance.now();
  for (let due = startedAt; due < startedAt + durationMs; due += EVERY_MS) {
    const early = due - performance.now();
    if (early > 0) await sleep(early);
    requests.push(one(due));
  }
  await Promise.all(requests);
  return { answered, failed };
}

function p99(times: readonly number[]): string {
  return quantile(times, 0.99).toFixed(1);
}
