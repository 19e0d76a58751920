import { join } from 'node:path';
import type { MessagePort } from 'node:worker_threads';
import { toWireError } from './error_wire.ts';
import type { EventComposer } from './event_composer.ts';
import { QuickSync } from './quick_sync.ts';
import { callStore, promises } from './remote_store.ts';
import { DATABASE_FILE, openSqliteStore, type SqliteStoreOptions } from './sqlite_store.ts';
import type { FromThread, ToThread } from './thread_protocol.ts';
import { turnPort } from './turn_port.ts';

/** What the main thread decides; the composer is code, so the thread's entry brings it. */
export type StoreThreadData = Pick<
  SqliteStoreOptions,
  'dataDir' | 'defaultEndpoint' | 'command' | 'endpointDisableAfterMs' | 'ownContacts'
> & {
  /** See `QuickSync`. */
  quickFsyncMs?: number;
};

/**
 * The inside of the store's thread: opens the store and answers calls over `port` until it is told
 * to close. The thread then ends by itself, for nothing is left to wait for.
 */
export async function serveSqliteStore(
  port: MessagePort,
  { quickFsyncMs, ...data }: StoreThreadData,
  composer: EventComposer,
): Promise<void> {
  const send = turnPort<FromThread>(
    (messages) => port.postMessage(messages),
    (message, error) => {
      if (message.t === 'result') send({ t: 'error', n: message.n, error: toWireError(error) });
    },
  );
  const file = join(data.dataDir, DATABASE_FILE);
  const writes = new QuickSync({
    file,
    ...(quickFsyncMs !== undefined && { quickMs: quickFsyncMs }),
  });
  const options = { ...data, composer, checkpointsBeside: true, durability: writes };
  const store = await openSqliteStore(options).catch((error: unknown) => {
    send({ t: 'failed', error: toWireError(error) });
    setImmediate(() => port.close());
  });
  if (!store) return;
  store.onJobs((dueAt) => send({ t: 'jobs', dueAt }));

  const answer = async (n: number, work: () => Promise<unknown>, promised = false) => {
    try {
      const value = await work();
      send({ t: 'result', n, value, ...(promised && { written: writes.unsynced }) });
    } catch (error) {
      send({ t: 'error', n, error: toWireError(error) });
    }
  };
  const take = (message: ToThread) => {
    if (message.t === 'call') {
      const { n, method, args, background } = message;
      const work = () => callStore(background ? store.background : store, method, args);
      void answer(n, work, promises(method));
    } else {
      // Behind the answer, which goes out at the end of this turn.
      void answer(message.n, () => store.close()).then(() => setImmediate(() => port.close()));
    }
  };
  port.on('message', (messages: ToThread[]) => {
    for (const message of messages) take(message);
  });
  send({ t: 'ready', database: file });
}
