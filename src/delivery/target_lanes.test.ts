import { expect, it } from 'vitest';
import { TargetLanes } from './target_lanes.ts';

const made = (patienceMs = 60_000) => new TargetLanes({ patienceMs });

/** What has been decided of some promises so far. */
async function decided(...answers: Promise<boolean>[]): Promise<(boolean | 'waits')[]> {
  await new Promise(setImmediate);
  return Promise.all(
    answers.map((answer) => Promise.race([answer, Promise.resolve('waits' as const)])),
  );
}

it('lets so many in at a time, the others in their order', async () => {
  const lanes = made();
  const answers = [1, 2, 3, 4].map(() => lanes.enter('a', 2));
  expect(await decided(...answers)).toEqual([true, true, 'waits', 'waits']);
  lanes.leave('a');
  expect(await decided(...answers)).toEqual([true, true, true, 'waits']);
  lanes.leave('a');
  lanes.leave('a');
  lanes.leave('a');
  expect(await decided(...answers)).toEqual([true, true, true, true]);
  lanes.leave('a');
  expect(await decided(lanes.enter('a', 1), lanes.enter('a', 1))).toEqual([true, 'waits']);
});

it('keeps targets apart', async () => {
  const lanes = made();
  expect(await decided(lanes.enter('a', 1), lanes.enter('a', 1), lanes.enter('b', 1))).toEqual([
    true,
    'waits',
    true,
  ]);
});

it('sends back who waits for too long, and nobody twice', async () => {
  const lanes = made(20);
  expect(await lanes.enter('a', 1)).toBe(true);
  expect(await lanes.enter('a', 1)).toBe(false);
  lanes.leave('a');
  expect(await lanes.enter('a', 1)).toBe(true);
});

it('sends everybody back who has not begun when it closes', async () => {
  const lanes = made();
  const answers = [1, 2].map(() => lanes.enter('a', 1));
  lanes.close();
  expect(await decided(...answers, lanes.enter('b', 1))).toEqual([true, false, false]);
  lanes.leave('a');
});
