import type { PriceTable } from '../cost/price_table.ts';
import type { CallwireError } from '../errors.ts';
import { thisCommand } from '../store/data_dir_lock.ts';
import type { DefaultEndpoint } from '../store/default_endpoint.ts';
import type { SqliteStores } from '../store/sqlite_store.ts';
import { startStoreThread } from '../store/thread_store.ts';
import type { ThreadData } from './store_thread.ts';

/**
 * Opens the SQLite store of DATA_DIR in a thread of its own and holds DATA_DIR until it is closed
 * or the process ends.
 *
 * @throws `DATA_DIR_LOCKED` naming the process that has it; `STORE_CORRUPT`, `STORE_NEWER`,
 * `STORE_NOT_WRITABLE`, `STORE_FULL`, `STORE_IO`.
 */
export function openStore(options: {
  dataDir: string;
  /**
   * The endpoint of the environment, `null` while neither WEBHOOK_URL nor the CRM's URL says where
   * it is. `perEvent`: the CRM's URL, with a path (and a health) for each first word of a type.
   */
  defaultEndpoint: DefaultEndpoint | null;
  /** An endpoint that has only failed for this long is disabled, milliseconds (Default: 5 days) */
  endpointDisableAfterMs?: number;
  /** The contacts of this database are the CRM's, and learn of each call. (Default: true) */
  ownContacts?: boolean;
  /** What calls cost by. (Default: the list prices) */
  prices?: PriceTable;
  /** Up to which mean the store's thread fsyncs itself, milliseconds; 0 = never. (Default: 0.5) */
  quickFsyncMs?: number;
  /** The store has died; only another process can open it again. */
  onLost?: (error: CallwireError) => void;
}): Promise<SqliteStores> {
  const { onLost, ...rest } = options;
  const data: ThreadData = { ...rest, command: thisCommand() };
  return startStoreThread(new URL('./store_thread.ts', import.meta.url), data, onLost);
}
