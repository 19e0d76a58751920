import { describe, expect, it } from 'vitest';
import { startStoreThread } from './thread_store.ts';

const DATA = { dataDir: 'unused', defaultEndpoint: null };

/** A thread of these lines, in place of one with a store. */
function threadOf(lines: string): URL {
  const source = `import { parentPort as port } from 'node:worker_threads';\n${lines}`;
  return new URL(`data:text/javascript,${encodeURIComponent(source)}`);
}

describe("a store's thread that dies", () => {
  it('rejects everything under way and everything after, and says so once', async () => {
    const told: string[] = [];
    const store = await startStoreThread(
      threadOf(`
        port.on('message', (calls) => {
          if (calls.some(({ method }) => method === 'getCall')) process.exit(3);
        });
        port.postMessage([{ t: 'ready' }]);
      `),
      DATA,
      (error) => told.push(error.code),
    );
    const lost = { code: 'STORE_THREAD_LOST', remedy: expect.any(String) };
    const asked = [store.listCalls({ limit: 1 }), store.getCall('call_x')];
    for (const answer of await Promise.allSettled(asked)) {
      expect(answer).toMatchObject({ status: 'rejected', reason: lost });
    }
    await expect(store.nextDueAt()).rejects.toMatchObject(lost);
    expect(told).toEqual(['STORE_THREAD_LOST']);
    await store.close();
  });

  it('rejects the opening when it never got that far', async () => {
    const opening = startStoreThread(threadOf(`throw new Error('made up');`), DATA);
    await expect(opening).rejects.toMatchObject({ code: 'STORE_THREAD_LOST' });
  });
});
