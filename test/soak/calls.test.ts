import { access, readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { waitFor } from '../../sim/installation/wait_for.ts';
import { babble } from '../../sim/phone/speech.ts';
import { socketPath } from '../../src/ledger/socket_path.ts';
import { spoolDir } from '../../src/ledger/spool.ts';
import { processesOf } from '../processes_of.ts';
import { sharedInstallation } from '../shared_installation.ts';
import { wholeRecords } from '../whole_record.ts';
import { Progress } from './progress.ts';
import { SeededRandom } from './seeded_random.ts';

/** While workers are killed, too; then call processes alone, so that one worker grows old. */
const CALLS_OF_DYING_WORKERS = 24;
const CALLS_OF_ONE_WORKER = 36;
const LINES = 2;
const BETWEEN_KILLS_MS = [3_000, 10_000] as const;
const DOWN_MS = [0, 1_500] as const;
const STAY_MS = [0, 9_000] as const;
/** Longer than a worker takes that starts anew; then the caller gives up. */
const RINGS_MS = 30_000;
/**
 * What a worker may gain over its calls: garbage that has not been collected yet. Half a megabyte
 * a call would be a leak, and is more than this.
 */
const GROWTH_LIMIT_MB = 18;

const installation = sharedInstallation({
  number: '+15550106910',
  env: { MAX_CALLS: '4', RETRY_SCHEDULE: Array(100).fill('1s').join(',') },
});

/*
 * Calls on the real stack, two at a time, while what carries them is killed: whatever happens to a
 * call, it ends once, with all that follows, and leaves nothing behind.
 */
it('ends every call once and leaves nothing, whatever is killed', {
  timeout: 900_000,
}, async () => {
  const random = new SeededRandom();
  const progress = new Progress('calls');
  progress.say(`SOAK_SEED=${random.seed}: ${CALLS_OF_DYING_WORKERS + CALLS_OF_ONE_WORKER} calls`);
  const callers = new Callers(random);

  const first = callers.call(CALLS_OF_DYING_WORKERS);
  const dying = await during(first, random, async () => {
    const worker = random.next() < 0.4;
    if (worker) await killWorker(random);
    else killProcess(random);
    progress.say(`${worker ? 'worker' : 'process'} killed; ${callers.told()}`);
  });
  const survivor = installation.worker;
  await survivor.registered();
  await survivor.warm();

  const memory: number[] = [];
  const second = callers.call(CALLS_OF_ONE_WORKER, async () => {
    memory.push(await residentMb(survivor.pid));
  });
  const lone = await during(second, random, () => {
    killProcess(random);
    progress.say(`process killed; ${callers.told()}`);
  });

  await waitFor(async () => (await installation.livekit.rooms.listRooms()).length === 0, {
    what: 'no room left',
    deadlineMs: 60_000,
  });
  const recorded = new Map<string, Set<string>>();
  for (const { call_id, data } of await installation.events()) {
    if (call_id === null) continue;
    const calls = recorded.get(String(data.from)) ?? new Set();
    recorded.set(String(data.from), calls.add(call_id));
  }
  // Every caller rang once, with a number that nobody else had; who was answered is recorded.
  expect(callers.answered.filter((from) => !recorded.has(from))).toEqual([]);
  expect([...recorded.values()].filter(({ size }) => size !== 1)).toEqual([]);
  const records = await wholeRecords(installation, { calls: recorded.size });

  expect(survivor.running).toBe(true);
  const own = new Set([survivor.pid, ...survivor.children()]);
  await waitFor(
    async () => (await processesOf(installation.dataDir)).every((pid) => own.has(pid)),
    {
      what: 'the end of all processes of workers that were killed',
    },
  );
  expect(await readdir(spoolDir(installation.dataDir))).toEqual([]);
  await survivor.stop();
  await waitFor(async () => (await processesOf(installation.dataDir)).length === 0, {
    what: 'the end of all processes',
  });
  const socket = await socketPath(installation.dataDir);
  await expect(access(socket)).rejects.toMatchObject({ code: 'ENOENT' });

  const third = Math.floor(memory.length / 3);
  const early = median(memory.slice(third, 2 * third));
  const late = median(memory.slice(-third));
  const ends = new Map<unknown, number>();
  for (const { ended } of records) {
    ends.set(ended.end_reason, (ends.get(ended.end_reason) ?? 0) + 1);
  }
  progress.say(
    `${callers.told()}, ${records.length} in the ledger, each ended once: ` +
      `${[...ends].map(([reason, count]) => `${count} ${reason}`).join(', ')}; ` +
      `${dying + lone} kills; the worker's memory ${early} MB, later ${late} MB`,
  );
  expect(late - early).toBeLessThan(GROWTH_LIMIT_MB);
});

/** People who ring, talk for a while, hang up, or are hung up on. */
class Callers {
  /** Their numbers. */
  readonly answered: string[] = [];
  readonly #random: SeededRandom;
  #dialled = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  told(): string {
    return `${this.#dialled} callers, ${this.answered.length} answered`;
  }

  async call(count: number, whenOver: () => Promise<void> = async () => {}): Promise<void> {
    let left = count;
    const line = async () => {
      while (left-- > 0) {
        await this.#one();
        await whenOver();
      }
    };
    await Promise.all(Array.from({ length: LINES }, line));
  }

  async #one(): Promise<void> {
    const from = `+1555012${String(++this.#dialled).padStart(4, '0')}`;
    const [stay, speaks] = [this.#random.between(...STAY_MS), this.#random.next() < 0.5];
    const call = await installation.dial({ from });
    const answered = await call.answered(undefined, RINGS_MS).then(
      () => true,
      () => false,
    );
    if (answered) {
      this.answered.push(from);
      const over = call.ended(undefined, RINGS_MS + stay).catch(() => undefined);
      if (speaks) await Promise.race([call.play(babble(600)).catch(() => undefined), over]);
      await Promise.race([sleep(stay), over]);
    }
    if (call.state !== 'ended') await call.hangUp();
    await call.ended(undefined, RINGS_MS);
  }
}

/** Does it again and again, with pauses of chance, until `calls` are over. Returns how often. */
async function during(
  calls: Promise<void>,
  random: SeededRandom,
  doIt: () => Promise<void> | void,
): Promise<number> {
  let over = false;
  const end = calls.finally(() => {
    over = true;
  });
  let times = 0;
  for (;;) {
    await Promise.race([sleep(random.between(...BETWEEN_KILLS_MS)), end]);
    if (over) break;
    await doIt();
    times++;
  }
  await end;
  return times;
}

async function killWorker(random: SeededRandom): Promise<void> {
  const { worker } = installation;
  worker.kill('SIGKILL');
  await worker.exited();
  await sleep(random.between(...DOWN_MS));
  await installation.startWorker();
}

/** One that has a call, or the warm one. */
function killProcess(random: SeededRandom): void {
  const pid = random.oneOf(installation.worker.children());
  if (pid === undefined) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Its call was just over.
  }
}

/** Megabytes. */
async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1_024);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
