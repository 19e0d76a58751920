/**
 * The entry of the store's thread. It stands here, above both, because the store does not know
 * the events it writes: their composer is given to it.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { PriceTable } from '../cost/price_table.ts';
import { createEventComposer } from '../events/composer.ts';
import { type StoreThreadData, serveSqliteStore } from '../store/sqlite_thread.ts';

/** What the thread is started with: the store's part, and the composer's. */
export interface ThreadData extends StoreThreadData {
  prices?: PriceTable;
}

if (parentPort === null) throw new Error('store_thread.ts is the entry of a worker thread');
const { prices, ...data } = workerData as ThreadData;
await serveSqliteStore(parentPort, data, createEventComposer(prices));
