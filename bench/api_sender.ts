import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { serveBench } from './bench_process.ts';

/** What a sender is told to do. */
export interface SendOrder {
  url: string;
  /** Besides the content type. */
  headers: Record<string, string>;
  /** Requests a second. */
  rate: number;
  count: number;
  /** Of an answer that counts. */
  status: number;
}

/** What it saw. */
export interface SendReport {
  /** From the moment at which a request was due to the end of its answer, milliseconds. */
  latencies: number[];
  /** Answered with another status, or not at all. */
  failures: number;
}

/** The module that `node api_sender.ts <URL> [given]` takes its bodies from. */
export interface RequestBodies {
  /** The body of the n-th request of a run; no two runs have the same name. `given`: see `prepare`. */
  requestBody(run: string, n: number, given: string): unknown;
}

const CONNECTIONS = 64;
const ANSWER_LIMIT_MS = 60_000;

const [bodies, given = ''] = process.argv.slice(2);
if (!bodies) throw new Error('usage: <URL of a module> [what it is given]');
const { requestBody }: RequestBodies = await import(bodies);

let runs = 0;

/**
 * Sends at a steady rate, whether or not the answers keep up: a client does not wait for another's
 * answer. Times count from when each was due, so that a stall shows in all that it delays; a timer that
 * fires early makes nobody faster.
 */
async function send({ url, headers, rate, count, status }: SendOrder): Promise<SendReport> {
  const { origin, pathname } = new URL(url);
  const pool = new Pool(origin, { connections: CONNECTIONS });
  const run = `${process.pid}-${runs++}`;
  const latencies: number[] = [];
  let failures = 0;
  const one = async (n: number, due: number) => {
    const body = JSON.stringify(requestBody(run, n, given));
    const from = Math.min(due, performance.now());
    try {
      const answer = await pool.request({
        method: 'POST',
        path: pathname,
        headers: { 'content-type': 'application/json', ...headers },
        body,
        headersTimeout: ANSWER_LIMIT_MS,
      });
      await answer.body.dump();
      if (answer.statusCode === status) latencies.push(performance.now() - from);
      else failures++;
    } catch {
      failures++;
    }
  };
  const sent: Promise<void>[] = [];
  const start = performance.now();
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

serveBench<SendOrder, SendReport>('ready', send);
