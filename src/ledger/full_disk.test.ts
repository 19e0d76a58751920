import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished, vi } from 'vitest';
import { SmallDisk } from '../../sim/installation/small_disk.ts';
import { newId } from '../ids.ts';
import { openAdminStore } from './admin_store.ts';
import { LedgerClient } from './client.ts';
import { openStore } from './open_store.ts';
import { socketPath } from './socket_path.ts';
import { spoolDir } from './spool.ts';
import { ending, opening, utterance } from './testing/appends.ts';

/* A disk that is really full, under database and spools alike. */

async function smallDisk(): Promise<SmallDisk> {
  const disk = await SmallDisk.mount({ megabytes: 8 });
  onTestFinished(() => disk.unmount());
  return disk;
}

async function startHost(dataDir: string): Promise<ChildProcess> {
  const path = fileURLToPath(new URL('./testing/host_process.ts', import.meta.url));
  const child = fork(path, [dataDir], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  await once(child, 'message');
  return child;
}

/** Says one thing after the other until it is told to stop, and remembers what was taken. */
class Talker {
  readonly callId = newId('call');
  readonly durable: string[] = [];
  readonly refusals: unknown[] = [];
  readonly #client: LedgerClient;
  #talking = true;
  #talk: Promise<void> = Promise.resolve();

  private constructor(dataDir: string, socket: string) {
    const { callId } = this;
    this.#client = new LedgerClient({
      callId,
      lease: 1,
      socketPath: socket,
      spoolDir: spoolDir(dataDir),
    });
  }

  static async start(dataDir: string): Promise<Talker> {
    const talker = new Talker(dataDir, await socketPath(dataDir));
    onTestFinished(() => talker.#client.close({ deadlineMs: 0 }).then(() => {}));
    await talker.#say(opening(talker.callId));
    talker.#talk = talker.#talkOn();
    return talker;
  }

  async end(): Promise<'ledger' | 'spool'> {
    this.#talking = false;
    await this.#talk;
    await this.#say(ending(this.callId));
    return await this.#client.close({ deadlineMs: 30_000 });
  }

  async #talkOn(): Promise<void> {
    for (let n = 0; this.#talking; n++) {
      await this.#say(utterance(this.callId, `${n} ${'word '.repeat(50)}`));
      await sleep(5);
    }
  }

  async #say(append: ReturnType<typeof opening>): Promise<void> {
    try {
      await this.#client.append(append);
      this.durable.push(append.events[0].id);
    } catch (error) {
      this.refusals.push(error);
    }
  }
}

/** Waits until each of them has more of these than now. */
async function eachHasMore(talkers: Talker[], what: 'durable' | 'refusals'): Promise<void> {
  const counts = () => talkers.map((talker) => talker[what].length);
  const before = counts();
  const grew = () => expect(counts().every((count, i) => count > before[i]!)).toBe(true);
  await vi.waitFor(grew, { timeout: 20_000 });
}

it('loses nothing that was acknowledged, says what is wrong, and goes on when there is room', async () => {
  const disk = await smallDisk();
  const dataDir = disk.path;
  await startHost(dataDir);
  const talkers = await Promise.all([1, 2, 3, 4, 5].map(() => Talker.start(dataDir)));
  for (let round = 0; round < 2; round++) {
    await disk.fill();
    await eachHasMore(talkers, 'refusals');
    await disk.free();
    await eachHasMore(talkers, 'durable');
  }
  expect(await Promise.all(talkers.map((talker) => talker.end()))).toEqual(Array(5).fill('ledger'));
  for (const { refusals } of talkers) {
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({
        code: 'LEDGER_UNAVAILABLE',
        retryable: true,
        message: expect.stringContaining('is full'),
        remedy: expect.stringContaining('DATA_DIR'),
      });
    }
  }

  const store = await openAdminStore(dataDir);
  onTestFinished(() => store.close());
  for (const { callId, durable } of talkers) {
    const events = await store.listCallEvents(callId);
    const ids = events.map(({ id }) => id as string);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(expect.arrayContaining(durable));
    const spoken = events.filter(({ type }) => type === 'transcript.final');
    const numbers = spoken.map(({ body }) => JSON.parse(body).data.transcript_sequence);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    expect(events.at(-1)?.type).toBe('call.ended');
  }
  await vi.waitFor(async () => expect(await readdir(spoolDir(dataDir))).toEqual([]));
}, 120_000);

it('keeps what was acknowledged when the worker dies on it, too', async () => {
  const disk = await smallDisk();
  const dataDir = disk.path;
  const host = await startHost(dataDir);
  const talkers = await Promise.all([1, 2, 3].map(() => Talker.start(dataDir)));
  await disk.fill();
  await eachHasMore(talkers, 'refusals');
  host.kill('SIGKILL');
  await once(host, 'exit');
  // Some of what the dead one had reserved may be free: it opens, or it does not even do that.
  const between = async () => {
    const opened = await openStore({ dataDir, defaultEndpoint: null });
    await opened.append([opening(newId('call'))]).finally(() => opened.close());
  };
  await expect(between()).rejects.toMatchObject({
    code: 'STORE_FULL',
    retryable: true,
    remedy: expect.stringContaining('space'),
  });

  await disk.free();
  // Whoever has not found the next worker yet ends in its spool, which the one after takes in.
  const next = await startHost(dataDir);
  await Promise.all(talkers.map((talker) => talker.end()));
  next.kill('SIGKILL');
  await once(next, 'exit');
  await startHost(dataDir);
  const store = await openAdminStore(dataDir);
  onTestFinished(() => store.close());
  for (const { callId, durable } of talkers) {
    const events = await store.listCallEvents(callId);
    expect(events.map(({ id }) => id as string)).toEqual(expect.arrayContaining(durable));
    expect(events.at(-1)?.type).toBe('call.ended');
  }
}, 120_000);
