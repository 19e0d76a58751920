import { expect, it, onTestFinished } from 'vitest';
import { onInterrupt } from './interrupt.ts';

it('takes what npm hands on of one Ctrl-C for the same, and a second Ctrl-C for a second', () => {
  let now = 0;
  let pressed = 0;
  const listener = onInterrupt(
    () => pressed++,
    () => now,
  );
  onTestFinished(() => void process.off('SIGINT', listener));
  listener();
  now = 1;
  listener();
  expect(pressed).toBe(1);
  now = 400;
  listener();
  expect(pressed).toBe(2);
});
