import { access, mkdir, mkdtempDisposable, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DAY_MS } from '../durations.ts';
import { newId } from '../ids.ts';
import type { ClaimedJob } from '../store/store.ts';
import type { EgressResult } from './egress.ts';
import { RecordingHandler, type RecordingHandlerOptions } from './recording_handler.ts';
import { RecordingLinks } from './recording_links.ts';
import { MemoryStorage } from './testing/memory_storage.ts';
import { unfinishedDir, unfinishedPath } from './unfinished.ts';
import { BYTES_PER_SECOND, WAV_HEADER_BYTES, wavHeader } from './wav.ts';

const NOW = Date.UTC(2026, 10, 24);
const CALL = newId('call', NOW);
const EVENT = newId('evt', NOW);

function job(body: Record<string, unknown> = {}): ClaimedJob {
  return {
    id: 'job_1',
    claimId: 'c',
    kind: 'recording',
    target: 'recordings',
    attempt: 1,
    refusals: 0,
    callId: CALL,
    createdAt: NOW,
    event: null,
    body: {
      startedAt: NOW - 60_000,
      endedAt: NOW,
      retainDays: 30,
      egressId: null,
      eventId: EVENT,
      ...body,
    },
  };
}

/** A recording of two seconds as a process leaves it that was killed: the header knows of nothing. */
async function setUp({
  now = NOW,
  attemptLimitMs = 5_000,
  egress = null,
}: {
  now?: number;
  attemptLimitMs?: number;
  egress?: Egress;
} = {}) {
  const made = await mkdtempDisposable(join(tmpdir(), 'callwire-recording-'));
  onTestFinished(() => made.remove());
  const dataDir = made.path;
  await mkdir(unfinishedDir(dataDir));
  const path = unfinishedPath(dataDir, CALL);
  const whole = WAV_HEADER_BYTES + 2 * BYTES_PER_SECOND;
  await writeFile(path, Buffer.concat([wavHeader(0), Buffer.alloc(whole - WAV_HEADER_BYTES, 1)]));
  const storage = new MemoryStorage();
  const clock = () => now;
  const handler = new RecordingHandler({
    dataDir,
    storage,
    links: new RecordingLinks({ store: NO_STORE, storages: [storage], clock }),
    egress,
    log: pino({ level: 'silent' }),
    clock,
    attemptLimitMs,
  });
  const run = async (one = job()) => {
    const outcome = await handler.attempt(one, new AbortController().signal);
    const end = outcome.verdict.kind === 'final' ? 'exhausted' : 'done';
    return { verdict: outcome.verdict, append: handler.result(one, outcome, end) };
  };
  const isThere = () =>
    access(path).then(
      () => true,
      () => false,
    );
  return { handler, storage, path, whole, run, isThere };
}

type Egress = RecordingHandlerOptions['egress'];

const NO_STORE = {
  getRecording: () => Promise.resolve(null),
  listFacts: () => Promise.resolve([]),
};

describe('the recording of an ended call', () => {
  it('gets its length, its place, its row and its event', async () => {
    const { storage, whole, run, isThere } = await setUp();
    const { verdict, append } = await run();
    expect(verdict.kind).toBe('success');
    expect(append).toEqual({
      callId: CALL,
      events: [
        {
          id: EVENT,
          type: 'call.recording_ready',
          time: NOW,
          data: {
            recording_url: `memory:${CALL}.wav?until=${NOW + 900_000}`,
            recording_expires_at: new Date(NOW + 900_000).toISOString(),
            duration_seconds: 2,
          },
        },
      ],
      recording: {
        callId: CALL,
        state: 'stored',
        location: `memory:${CALL}.wav`,
        contentType: 'audio/wav',
        bytes: whole,
        durationMs: 2_000,
        startedAt: NOW - 60_000,
        deleteAfter: NOW + 30 * DAY_MS,
        createdAt: NOW,
      },
    });
    const kept = storage.kept.get(`memory:${CALL}.wav`);
    expect(kept?.subarray(0, WAV_HEADER_BYTES)).toEqual(wavHeader(whole));
    expect(await isThere()).toBe(false);
  });

  it('is kept as long as its call where the profile names no time', async () => {
    const { run } = await setUp();
    expect((await run(job({ retainDays: null }))).append?.recording?.deleteAfter).toBeNull();
  });

  /*
   * t=0 the file is stored and gone from its folder; the worker dies before that is written down.
   * t=1 the next worker finds no file, and its place taken. Proves that the recording is not lost.
   */
  it('is found where it was stored by a worker that died behind it', async () => {
    const { run } = await setUp();
    const first = await run();
    expect(await run()).toEqual(first);
  });

  it('of which nothing was said leaves nothing', async () => {
    const { storage, path, run, isThere } = await setUp();
    await truncate(path, WAV_HEADER_BYTES + 3);
    expect(await run()).toEqual({ verdict: { kind: 'success' }, append: null });
    expect([await isThere(), storage.kept.size]).toEqual([false, 0]);
  });

  it('is deleted instead where its call was redacted, or its time is over', async () => {
    const redacted = { ...job(), body: {} };
    for (const [now, one] of [
      [NOW, redacted],
      [NOW + 30 * DAY_MS, job()],
    ] as const) {
      const { storage, run, isThere } = await setUp({ now });
      expect(await run(one)).toEqual({ verdict: { kind: 'success' }, append: null });
      expect([await isThere(), storage.kept.size]).toEqual([false, 0]);
    }
  });

  it('is tried again while its storage fails, for as long as that takes', async () => {
    const { handler, storage, run, isThere } = await setUp();
    storage.trouble = new Error('no route to it');
    expect((await run()).verdict).toEqual({ kind: 'retry' });
    expect(await isThere()).toBe(true);
    for (const attempt of [1, 5]) {
      expect(handler.schedule.delayAfter(attempt)).toBeGreaterThan(0);
    }
    const muchLater = { ...job(), attempt: 6 };
    expect((await run(muchLater)).verdict).toEqual({ kind: 'hold', untilMs: NOW + 1_800_000 });
    storage.trouble = null;
    expect((await run()).append?.recording).toBeDefined();
  });

  it('may take longer than an attempt: the next one finds it on its way, and the end of it', async () => {
    const { storage, run } = await setUp({ attemptLimitMs: 20 });
    const way = Promise.withResolvers<void>();
    storage.until = way.promise;
    expect(await run()).toEqual({ verdict: { kind: 'hold', untilMs: NOW }, append: null });
    expect((await run()).verdict.kind).toBe('hold');
    way.resolve();
    expect((await run()).append?.recording).toBeDefined();
  });

  it('on another machine is left to it for a day', async () => {
    const elsewhere = job();
    elsewhere.callId = newId('call', NOW);
    const { run } = await setUp();
    expect((await run(elsewhere)).verdict).toMatchObject({ kind: 'hold' });
    const late = await setUp({ now: NOW + DAY_MS });
    expect((await late.run(elsewhere)).verdict).toEqual({ kind: 'final' });
  });

  it('of egress is where LiveKit says, when it says so', async () => {
    const answers: EgressResult[] = [
      { kind: 'under_way' },
      { kind: 'stored', bytes: 5_000, durationMs: 2_500 },
    ];
    const egress = () => Promise.resolve(answers.shift() ?? { kind: 'under_way' as const });
    const { run } = await setUp({ egress });
    const one = job({ egressId: 'EG_1' });
    expect((await run(one)).verdict).toMatchObject({ kind: 'hold' });
    expect((await run(one)).append?.recording).toMatchObject({
      location: `memory:${CALL}.ogg`,
      contentType: 'audio/ogg',
      bytes: 5_000,
      durationMs: 2_500,
    });
  });

  it('of egress may have failed', async () => {
    const egress = () => Promise.resolve({ kind: 'failed' as const, error: 'no bucket' });
    const { run } = await setUp({ egress });
    expect(await run(job({ egressId: 'EG_1' }))).toEqual({
      verdict: { kind: 'final' },
      append: null,
    });
  });

  it('of egress is removed for as long as egress may still write it, where its call was redacted', async () => {
    const egress = () => Promise.resolve({ kind: 'under_way' as const });
    const redacted = { ...job(), body: {} };
    for (const [now, kind] of [
      [NOW, 'hold'],
      [NOW + 600_000, 'success'],
    ] as const) {
      const { storage, run } = await setUp({ now, egress });
      storage.kept.set(`memory:${CALL}.ogg`, Buffer.from('sound'));
      expect((await run(redacted)).verdict.kind).toBe(kind);
      expect(storage.kept.size).toBe(0);
    }
  });

  it('waits for the next worker where this one stops', async () => {
    const { handler, storage, run, isThere } = await setUp();
    const way = Promise.withResolvers<void>();
    storage.until = way.promise;
    const running = run();
    const closed = handler.close();
    way.resolve();
    await closed;
    expect((await running).verdict).toMatchObject({ kind: 'hold' });
    expect(await isThere()).toBe(true);
  });
});
