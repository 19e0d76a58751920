/**
 * The entry of the store's thread. It stands here, above both, because the store does not know
 * the events it writes: their composer is given to it.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { type ComposerOptions, createEventComposer } from '../events/composer.ts';
import { type StoreThreadData, serveSqliteStore } from '../store/sqlite_thread.ts';

/** What the thread is started with: the store's part, and the composer's. */
export interface ThreadData extends StoreThreadData {
  composer: ComposerOptions;
}

if (parentPort === null) throw new Error('store_thread.ts is the entry of a worker thread');
const { composer, ...data } = workerData as ThreadData;
await serveSqliteStore(parentPort, data, createEventComposer(composer));
