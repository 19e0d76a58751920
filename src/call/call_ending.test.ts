import { describe, expect, it, vi } from 'vitest';
import type { EndReason } from '../events/catalogue.ts';
import { CallEnded, CallEnding } from './call_ending.ts';

describe('the end of a call', () => {
  it('happens once, for the first cause', async () => {
    const ending = new CallEnding();
    const finish = vi.fn((_reason: EndReason) => Promise.resolve());
    ending.onEnd(finish);
    const causes = [ending.end('caller_hung_up'), ending.end('media_lost'), ending.end('error')];
    expect(await Promise.all(causes)).toEqual(Array(3).fill('caller_hung_up'));
    expect(finish).toHaveBeenCalledExactlyOnceWith('caller_hung_up');
    expect(ending.reason).toBe('caller_hung_up');
  });

  it('aborts every wait before anything is finished', () => {
    const ending = new CallEnding();
    ending.onEnd(() => {
      expect(ending.signal.aborted).toBe(true);
      return Promise.resolve();
    });
    void ending.end('silence');
    expect(ending.signal.reason).toBeInstanceOf(CallEnded);
    expect(ending.signal.reason).toMatchObject({ reason: 'silence' });
    expect.assertions(3);
  });

  it('is told only when it is finished, to whoever asks when', async () => {
    const ending = new CallEnding();
    const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
    ending.onEnd(() => finished);
    let told = false;
    ending.ended.then(() => {
      told = true;
    });
    const late = ending.end('silence').then(() => ending.end('error'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toBe(false);
    finish();
    expect(await late).toBe('silence');
    expect(await ending.ended).toBe('silence');
  });

  it('is told where finishing failed, too: the process must not wait for ever', async () => {
    const ending = new CallEnding();
    ending.onEnd(() => Promise.reject(new Error('no')));
    expect(await ending.end('error')).toBe('error');
  });

  it('has no reason while the call runs', () => {
    const ending = new CallEnding();
    expect(ending.reason).toBeUndefined();
    expect(ending.signal.aborted).toBe(false);
  });
});
