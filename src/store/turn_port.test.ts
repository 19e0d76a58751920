import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { turnPort } from './turn_port.ts';

it('says all of one turn at once, in its order', async () => {
  const posts: number[][] = [];
  const say = turnPort<number>(
    (messages) => void posts.push(messages),
    () => undefined,
  );
  say(1);
  await Promise.resolve();
  say(2);
  await turn();
  say(3);
  await turn();
  expect(posts).toEqual([[1, 2], [3]]);
});

it('sends the others where one cannot be copied', async () => {
  const posts: unknown[] = [];
  const unsendable: unknown[] = [];
  const say = turnPort<unknown>(
    (messages) => void posts.push(...structuredClone(messages)),
    (message) => void unsendable.push(message),
  );
  const no = () => undefined;
  for (const message of ['one', no, 'two']) say(message);
  await turn();
  expect(posts).toEqual(['one', 'two']);
  expect(unsendable).toEqual([no]);
});
