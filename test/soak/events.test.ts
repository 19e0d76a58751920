import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { waitFor } from '../../sim/installation/wait_for.ts';
import type { WorkerProcess } from '../../sim/installation/worker_process.ts';
import { spoolDir } from '../../src/ledger/spool.ts';
import { sharedInstallation } from '../shared_installation.ts';
import type { Written } from './event_writer.ts';
import { Progress } from './progress.ts';
import { SeededRandom } from './seeded_random.ts';

const WRITER = fileURLToPath(new URL('./event_writer.ts', import.meta.url));

const CALLS = 100;
/** With `call.started`, `call.answered`, `call.ended`, and what follows the end, over 100 a call. */
const INTENTS = 97;
const WRITERS = 10;
const EVERY_MS = 180;
/** Some die while they take in what the one before has left, and most in the middle of work. */
const LIVES_MS = [200, 16_000] as const;
const DOWN_MS = [0, 1_500] as const;

const installation = sharedInstallation({
  number: '+15550106900',
  crm: 'builtin',
  env: { RETRY_SCHEDULE: Array(200).fill('1s').join(','), RATE_LIMIT_READS: '0' },
});

/*
 * What Callwire promises of events, for as long as it takes to believe it: 10,000 of them, written by
 * processes that outlive the worker, which is killed again and again while it takes, stores and
 * delivers them. Each arrives; what arrives twice says so by its id; no number is missing anywhere.
 */
it('loses no event of 10,000, whenever the worker is killed', { timeout: 900_000 }, async () => {
  const random = new SeededRandom();
  const progress = new Progress('events');
  progress.say(`SOAK_SEED=${random.seed}: ${CALLS} calls, ${WRITERS} at a time`);
  const written: Written[] = [];
  const writing = writeCalls(written);
  const kills = await killWorkersUntil(writing, random, () =>
    progress.tick(
      () => `${written.length} written, ${installation.backend.received.length} received`,
    ),
  );
  await writing;
  progress.say(`all written, the worker was killed ${kills} times`);

  const callIds = [...new Set(written.map(({ callId }) => callId))];
  const records: ShownEvent[][] = [];
  for (const callId of callIds) records.push(await completeRecord(callId));
  const expected = records.flat().filter(({ sequence }) => sequence !== null);
  const ids = () => new Set(installation.backend.received.map(({ id }) => id));
  await waitFor(
    () => {
      progress.tick(() => `${ids().size} of ${expected.length} received`);
      return ids().size >= expected.length;
    },
    { what: `${expected.length} events at the backend`, deadlineMs: 180_000 },
  );

  expect(kills).toBeGreaterThan(5);
  expect(callIds).toHaveLength(CALLS);
  expect(expected.length).toBeGreaterThanOrEqual(10_000);
  // In the ledger: everything that was called durable, once, and each call whole.
  const recorded = records.flat().map(({ id }) => id);
  expect(new Set(recorded).size).toBe(recorded.length);
  const known = new Set(recorded);
  expect(written.filter(({ id }) => !known.has(id))).toEqual([]);
  for (const events of records) {
    const sequences = events.flatMap(({ sequence }) => sequence ?? []);
    expect(sequences).toEqual(sequences.map((_, index) => index + 1));
    expect(events.filter(({ event }) => event === 'call.ended')).toHaveLength(1);
    expect(events.filter(({ event }) => event === 'call.completed')).toHaveLength(1);
  }
  // At the receiver: all of it, truly signed, and the same bytes again where it came twice.
  const { received, refused } = installation.backend;
  expect(refused).toEqual([]);
  const bytes = new Map<string, string>();
  for (const { id, raw, headers, verified } of received) {
    expect(verified).toEqual({ standard: true, timestamped: true, plain: true });
    expect(headers['webhook-id']).toBe(id);
    expect(bytes.get(id) ?? raw).toBe(raw);
    bytes.set(id, raw);
  }
  expect([...bytes.keys()].sort()).toEqual(expected.map(({ id }) => id).sort());
  expect(await readdir(spoolDir(installation.dataDir))).toEqual([]);

  const spooled = written.filter(({ where }) => where === 'spool').length;
  progress.say(
    `${expected.length} events: 0 lost, ${received.length - bytes.size} came again under their id, ` +
      `${spooled} went through a spool, ${kills} kills`,
  );
});

/** All calls, so many at a time, each by a process of its own. */
async function writeCalls(written: Written[]): Promise<void> {
  let left = CALLS;
  const line = async () => {
    while (left-- > 0) {
      const child = fork(WRITER, [installation.dataDir, String(INTENTS), String(EVERY_MS)], {
        execArgv: [],
        env: { ...process.env, LOG_LEVEL: 'silent' },
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      child.on('message', (one: Written) => written.push(one));
      const [code] = await once(child, 'exit');
      expect(code).toBe(0);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, line));
}

/** One worker after the other, each killed at a moment of chance; the last one lives. */
async function killWorkersUntil(
  done: Promise<void>,
  random: SeededRandom,
  tell: () => void,
): Promise<number> {
  let over = false;
  const end = done.finally(() => {
    over = true;
  });
  end.catch(() => undefined);
  let kills = 0;
  while (!over) {
    const dying = random.between(...LIVES_MS);
    for (const until = Date.now() + dying; Date.now() < until && !over; tell()) {
      await Promise.race([sleep(Math.min(1_000, until - Date.now())), end]);
    }
    if (over) break;
    await killed(installation.worker);
    kills++;
    await sleep(random.between(...DOWN_MS));
    installation.spawnWorker();
  }
  // One more, when nobody writes and much is still to be delivered.
  await killed(installation.worker);
  await installation.startWorker();
  return kills + 1;
}

async function killed(worker: WorkerProcess): Promise<void> {
  worker.kill('SIGKILL');
  await worker.exited();
}

interface ShownEvent {
  id: string;
  event: string;
  sequence: number | null;
}

/** A call's events from the API, when all that follows its end is there. */
function completeRecord(callId: string): Promise<ShownEvent[]> {
  return waitFor(
    async () => {
      const { body } = await installation.request('GET', `/v1/calls/${callId}/events`);
      const events: ShownEvent[] = body.events ?? [];
      const types = events.map(({ event }) => event);
      return types.includes('call.completed') && types.includes('crm.updated') && events;
    },
    { what: `the whole record of ${callId}`, deadlineMs: 120_000 },
  );
}
