import { describe, expect, it, onTestFinished } from 'vitest';
import type { RecordingRecord } from '../store/recording_store.ts';
import { RecordingDeleter } from './recording_deleter.ts';
import { MemoryStorage } from './testing/memory_storage.ts';

const START = Date.UTC(2026, 10, 24);

function setUp(recordings: Record<string, number | null>) {
  const storage = new MemoryStorage();
  const rows = new Map<string, RecordingRecord>();
  for (const [callId, deleteAfter] of Object.entries(recordings)) {
    const location = `memory:${callId}`;
    storage.kept.set(location, Buffer.from('sound'));
    rows.set(callId, {
      callId,
      state: 'stored',
      location,
      contentType: 'audio/wav',
      bytes: 5,
      durationMs: 1,
      startedAt: START,
      deleteAfter,
      createdAt: START,
    });
  }
  const clocks = { wall: START, steady: 0 };
  let looks = 0;
  const deleter = new RecordingDeleter({
    storages: [storage],
    everyMs: 5,
    clock: () => clocks.wall,
    steadyClock: () => clocks.steady,
    store: {
      getRecording: (callId) => Promise.resolve(rows.get(callId) ?? null),
      recordingsToDelete: ({ now }) => {
        looks++;
        const due = [...rows.values()].filter(
          ({ state, deleteAfter }) =>
            state === 'stored' && deleteAfter !== null && deleteAfter <= now,
        );
        return Promise.resolve(due);
      },
      recordingDeleted: (callId) => {
        const row = rows.get(callId);
        if (row) row.state = 'deleted';
        return Promise.resolve(row !== undefined);
      },
    },
  });
  onTestFinished(() => deleter.close());
  const left = () => [...storage.kept.keys()].map((location) => location.replace('memory:', ''));
  const nextLook = async (count = 1) => {
    for (const seen = looks; looks < seen + count; ) await pause();
  };
  return { deleter, storage, rows, clocks, left, nextLook, looks: () => looks };
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 2));

describe('a recording', () => {
  it('is deleted when its time is over, bytes first, then the mark', async () => {
    const { deleter, clocks, left, rows } = setUp({
      over: START,
      later: START + 60_000,
      never: null,
    });
    deleter.start();
    while (left().includes('over')) await pause();
    while (rows.get('over')?.state !== 'deleted') await pause();
    expect(left()).toEqual(['later', 'never']);
    clocks.wall += 60_000;
    while (left().includes('later')) await pause();
    expect(left()).toEqual(['never']);
  });

  it('that cannot be deleted is tried again, and keeps its mark', async () => {
    const { deleter, storage, left, rows, nextLook } = setUp({ over: START });
    storage.trouble = new Error('the bucket does not answer');
    deleter.start();
    await nextLook(2);
    expect(rows.get('over')?.state).toBe('stored');
    expect(await deleter.deleteNow('over')).toBe(false);
    storage.trouble = null;
    while (left().length > 0) await pause();
  });

  it('is deleted at once when somebody says so, once, whatever its time', async () => {
    const { deleter, left, rows } = setUp({ one: null, other: null });
    expect(await deleter.deleteNow('one')).toBe(true);
    expect(await deleter.deleteNow('one')).toBe(true);
    expect(await deleter.deleteNow('unknown')).toBe(true);
    expect([left(), rows.get('one')?.state]).toEqual([['other'], 'deleted']);
  });

  it('outlives a clock that jumps ahead for an hour', async () => {
    const { deleter, clocks, left, nextLook, looks } = setUp({ later: START + 86_400_000 });
    deleter.start();
    await nextLook();
    clocks.wall += 2 * 86_400_000;
    const seen = looks();
    for (let i = 0; i < 20; i++) await pause();
    expect(looks()).toBeLessThanOrEqual(seen + 1);
    expect(left()).toEqual(['later']);
    clocks.wall += 3_600_000;
    clocks.steady += 3_600_000;
    while (left().length > 0) await pause();
  });
});
