import { describe, expect, it } from 'vitest';
import { callStore, remoteStore, STORE_METHODS } from './remote_store.ts';
import type { Store } from './store.ts';

describe('a store from afar', () => {
  const channel = { onJobs: () => () => {}, close: () => Promise.resolve() };

  it('passes every call on by its name, with its arguments', async () => {
    const store = remoteStore((method, args) => Promise.resolve([method, args]), channel);
    expect(await store.takeOver('call_1', 30_000)).toEqual(['takeOver', ['call_1', 30_000]]);
    for (const method of STORE_METHODS) expect(store[method]).toBeTypeOf('function');
  });

  it('does the call on the far side', async () => {
    const far = remoteStore((method, args) => Promise.resolve([method, args]), channel);
    const near = remoteStore((method, args) => callStore(far, method, args), channel);
    expect(await near.getContact('con_1')).toEqual(['getContact', ['con_1']]);
  });

  it.each(['close', 'onJobs', 'constructor', '__proto__', 'toString', ''])(
    'reaches nothing of the far side by the name "%s"',
    async (name) => {
      const store = {} as Store;
      await expect(callStore(store, name, [])).rejects.toMatchObject({
        code: 'STORE_UNKNOWN_METHOD',
      });
    },
  );
});
