import { expect, it } from 'vitest';
import { untilAborted } from './until_aborted.ts';

const never = new Promise<never>(() => {});

it('gives the result of the work', async () => {
  expect(await untilAborted(Promise.resolve(1), new AbortController().signal)).toBe(1);
});

it('rejects as soon as the signal is aborted, though the work hears nothing of it', async () => {
  const controller = new AbortController();
  const waiting = untilAborted(never, controller.signal);
  controller.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
});

it('rejects at once where the signal is aborted beforehand', async () => {
  await expect(untilAborted(never, AbortSignal.abort(new Error('late')))).rejects.toThrow('late');
});
