import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { serveBench } from '../bench_process.ts';

/** What a sender is told to do. */
export interface SendOrder {
  url: string;
  key: string;
  /** Webhooks a second. */
  rate: number;
  count: number;
}

/** What it saw. */
export interface SendReport {
  /** From the moment at which a webhook was due to its answer, milliseconds. */
  latencies: number[];
  /** Answered with anything but 200, or not at all. */
  failures: number;
}

/** Of a call come four, in this order. */
const EVENTS = ['call.initiated', 'call.ringing', 'call.answered', 'call.completed'] as const;
const CONNECTIONS = 64;
const ANSWER_LIMIT_MS = 60_000;

let runs = 0;

/**
 * Sends at a steady rate, whether or not the answers keep up: a platform does not wait for one call's
 * webhook before it sends another's. The time counts from when each was due.
 */
async function send({ url, key, rate, count }: SendOrder): Promise<SendReport> {
  const { origin, pathname } = new URL(url);
  const pool = new Pool(origin, { connections: CONNECTIONS });
  const run = `${process.pid}-${runs++}`;
  const latencies: number[] = [];
  let failures = 0;
  const start = performance.now();
  const one = async (n: number, due: number) => {
    try {
      const { statusCode, body } = await pool.request({
        method: 'POST',
        path: pathname,
        headers: { 'content-type': 'application/json', 'x-api-key': key },
        body: webhook(run, n),
        headersTimeout: ANSWER_LIMIT_MS,
      });
      await body.dump();
      if (statusCode === 200) latencies.push(performance.now() - due);
      else failures++;
    } catch {
      failures++;
    }
  };
  const sent: Promise<void>[] = [];
  for (let n = 0; n < count; n++) {
    const due = start + (n * 1_000) / rate;
    const wait = due - performance.now();
    if (wait > 1) await sleep(wait);
    sent.push(one(n, due));
  }
  await Promise.all(sent);
  await pool.close();
  return { latencies, failures };
}

/** Calls stand beside each other: the webhooks of one are a quarter of a second apart. */
function webhook(run: string, n: number): string {
  const step = Math.floor(n / BESIDE) % EVENTS.length;
  const call = `${run}-${Math.floor(n / (BESIDE * EVENTS.length))}-${n % BESIDE}`;
  return JSON.stringify({
    callId: call,
    provider: 'bench',
    event: EVENTS[step],
    direction: 'outbound',
    from: '+15550100020',
    to: '+15550100021',
    timestamp: new Date(Date.now()).toISOString(),
    metadata: { contactId: 'c21', agentId: 'front-desk', campaign: 'spring' },
    ...(step === EVENTS.length - 1 && {
      duration: 96,
      status: 'completed',
      transcript: 'Agent: Good morning.\nCaller: Good morning, I come on Thursday.\n'.repeat(10),
      recording_url: 'https://recordings.example/bench.wav',
    }),
  });
}

const BESIDE = 125;

serveBench<SendOrder, SendReport>('ready', send);
