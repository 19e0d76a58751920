import { expect, it, onTestFinished, vi } from 'vitest';
import type { Pruned, PruneQuery } from '../store/endpoint_store.ts';
import { Pruner, type PrunerOptions } from './pruner.ts';

const NOW = Date.UTC(2026, 5, 1);
const DAY_MS = 86_400_000;

/** A pruner whose store answers as `answer` says, and what it was asked for. */
function pruner(
  answer: (query: PruneQuery, n: number) => Partial<Pruned>,
  options: Partial<PrunerOptions> = {},
) {
  const asked: PruneQuery[] = [];
  const prune = (query: PruneQuery): Promise<Pruned> => {
    asked.push(query);
    return Promise.resolve({ removed: 0, kept: 0, next: null, ...answer(query, asked.length) });
  };
  const clock = { wall: NOW, steady: 0 };
  const made = new Pruner({
    store: { prune },
    retainDays: 30,
    pauseMs: 0,
    clock: () => clock.wall,
    steadyClock: () => clock.steady,
    ...options,
  });
  onTestFinished(() => made.close());
  return { pruner: made, asked, clock };
}

const rounds = (asked: readonly PruneQuery[]) =>
  asked.filter(({ what }) => what === 'calls').length;

it('goes through everything that is older than its days, at the start', async () => {
  const next = { time: 1, id: 'call_1' };
  const { pruner: made, asked } = pruner((_, n) => (n === 1 ? { removed: 2, next } : {}));
  made.start();
  await vi.waitFor(() => expect(asked).toHaveLength(3));
  const query = { before: NOW - 30 * DAY_MS, rows: expect.any(Number) };
  expect(asked).toEqual([
    { ...query, what: 'calls', after: null },
    { ...query, what: 'calls', after: next },
    { ...query, what: 'events_of_no_call', after: null },
  ]);
});

it('begins again after a while, by the time that it is then', async () => {
  const { pruner: made, asked, clock } = pruner(() => ({}), { everyMs: 1 });
  made.start();
  await vi.waitFor(() => expect(rounds(asked)).toBeGreaterThan(1));
  clock.steady += DAY_MS;
  clock.wall += DAY_MS;
  await vi.waitFor(() => expect(asked.at(-1)?.before).toBe(NOW - 29 * DAY_MS));
});

it('goes on after a store that failed', async () => {
  const { pruner: made, asked } = pruner(
    (_, n) => {
      if (n === 1) throw new Error('the disk is full');
      return {};
    },
    { everyMs: 1 },
  );
  made.start();
  await vi.waitFor(() => expect(asked.length).toBeGreaterThan(2));
});

it('removes nothing while a clock that jumped ahead may still be put right', async () => {
  const { pruner: made, asked, clock } = pruner(() => ({}), { everyMs: 1 });
  made.start();
  await vi.waitFor(() => expect(rounds(asked)).toBeGreaterThan(0));
  clock.wall += 365 * DAY_MS;
  // The round that notices; the next one is an hour later in real life.
  let looks = 0;
  const wall = clock.wall;
  Object.defineProperty(clock, 'wall', {
    get: () => (++looks === 1 ? wall : NOW),
  });
  await vi.waitFor(() => expect(looks).toBeGreaterThan(3));
  for (const { before } of asked) expect(before).toBe(NOW - 30 * DAY_MS);
});

it('believes a clock that stays ahead', async () => {
  const { pruner: made, asked, clock } = pruner(() => ({}), { everyMs: 1 });
  made.start();
  await vi.waitFor(() => expect(rounds(asked)).toBeGreaterThan(0));
  clock.wall += 365 * DAY_MS;
  await vi.waitFor(() => expect(asked.at(-1)?.before).toBe(NOW + 335 * DAY_MS));
});

it('keeps everything where there are no days', async () => {
  const { pruner: made, asked } = pruner(() => ({}), { retainDays: 0 });
  made.start();
  await made.close();
  expect(asked).toEqual([]);
});

it('stops between two steps', async () => {
  const next = { time: 1, id: 'call_1' };
  const { pruner: made, asked } = pruner(() => ({ removed: 1, next }));
  made.start();
  await vi.waitFor(() => expect(asked.length).toBeGreaterThan(2));
  await made.close();
  const steps = asked.length;
  await new Promise(setImmediate);
  expect(asked).toHaveLength(steps);
});
