import { describe, expect, it } from 'vitest';
import { BackgroundLine } from './background_line.ts';

/** Work that says when it begins, and ends when it is told to. */
function worksOf(line: BackgroundLine) {
  const begun: string[] = [];
  const work = (name: string) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const begin = () => {
      begun.push(name);
      return promise;
    };
    return { begin, end: resolve };
  };
  const foreground = (name: string) => {
    const { begin, end } = work(name);
    return { done: line.foreground(begin), end };
  };
  const background = (name: string) => {
    const { begin, end } = work(name);
    return { done: line.background(begin), end };
  };
  return { begun, foreground, background };
}

const round = () => new Promise((resolve) => setImmediate(resolve));

describe('work in the background', () => {
  it('is passed by what arrives while it waits, and goes on when that is done', async () => {
    const { begun, foreground, background } = worksOf(new BackgroundLine({ patienceMs: 60_000 }));
    const claim = background('claim');
    const settle = background('settle');
    const append = foreground('append');
    await round();
    await round();
    expect(begun).toEqual(['append']);
    const answer = foreground('answer');
    append.end();
    await append.done;
    await round();
    expect(begun).toEqual(['append', 'answer']);
    answer.end();
    await answer.done;
    await expect.poll(() => begun).toEqual(['append', 'answer', 'claim']);
    claim.end();
    await claim.done;
    await expect.poll(() => begun).toEqual(['append', 'answer', 'claim', 'settle']);
    settle.end();
    await settle.done;
  });

  it('never holds the foreground up, and is done one after the other', async () => {
    const { begun, foreground, background } = worksOf(new BackgroundLine());
    const claim = background('claim');
    const settle = background('settle');
    await expect.poll(() => begun).toEqual(['claim']);
    const append = foreground('append');
    expect(begun).toEqual(['claim', 'append']);
    append.end();
    await append.done;
    await round();
    expect(begun).toEqual(['claim', 'append']);
    claim.end();
    await expect.poll(() => begun).toEqual(['claim', 'append', 'settle']);
    settle.end();
    await Promise.all([claim.done, settle.done]);
  });

  it('gets its turn where the foreground never ends', async () => {
    const { begun, foreground, background } = worksOf(new BackgroundLine({ patienceMs: 5 }));
    const append = foreground('append');
    const claim = background('claim');
    await expect.poll(() => begun).toEqual(['append', 'claim']);
    claim.end();
    append.end();
    await Promise.all([claim.done, append.done]);
  });

  it('hands on what it comes to, a failure too, and is not stopped by one', async () => {
    const line = new BackgroundLine();
    const failure = new Error('made up');
    await expect(line.background(() => Promise.reject(failure))).rejects.toBe(failure);
    await expect(line.foreground(() => Promise.reject(failure))).rejects.toBe(failure);
    expect(await line.background(() => Promise.resolve(1))).toBe(1);
    expect(await line.foreground(() => Promise.resolve(2))).toBe(2);
  });
});
