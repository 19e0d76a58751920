/**
 * The entry of the store's thread. It stands here, above both, because the store does not know
 * the events it writes: their composer is given to it.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { eventComposer } from '../events/composer.ts';
import { type StoreThreadData, serveSqliteStore } from '../store/sqlite_thread.ts';

if (parentPort === null) throw new Error('store_thread.ts is the entry of a worker thread');
await serveSqliteStore(parentPort, workerData as StoreThreadData, eventComposer);
