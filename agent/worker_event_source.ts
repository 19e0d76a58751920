import { shownEvent } from '../src/api/shown_event.ts';
import { isCallwireError } from '../src/errors.ts';
import { connectToWorker } from '../src/ledger/admin_store.ts';
import type { Store } from '../src/store/store.ts';
import type { EventSource, FeedPage } from './event_feed.ts';

/**
 * The events of the worker that runs on this machine with this DATA_DIR, through its own socket: no
 * key, no port, and no HTTP API needed. `null` where none runs. The file is never opened, which
 * would keep a worker from starting.
 */
export async function workerEventSource(dataDir: string): Promise<EventSource | null> {
  let worker: Store | null = await connectToWorker(dataDir);
  if (worker === null) return null;

  async function page(after: string, limit: number): Promise<FeedPage> {
    worker ??= await connectToWorker(dataDir);
    if (worker === null) return { reason: 'the worker has ended' };
    try {
      const position = after === 'latest' ? await worker.lastPosition() : Number(after);
      const events = (await worker.eventsAfter(position, limit)).map(shownEvent);
      return { events, next: String(events.at(-1)?.position ?? position) };
    } catch (error) {
      if (!isCallwireError(error) || !error.retryable) throw error;
      await worker.close();
      worker = null;
      return { reason: 'the worker cannot be reached' };
    }
  }

  return {
    name: `the worker on ${dataDir}`,
    page,
    close: async () => {
      await worker?.close();
    },
  };
}
