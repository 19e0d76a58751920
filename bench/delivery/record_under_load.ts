import { encryptionKeys } from '../../src/config/encryption_key.ts';
import { createSecretBox } from '../../src/config/secret_box.ts';
import { newId } from '../../src/ids.ts';
import { openAdminStore } from '../../src/ledger/admin_store.ts';
import type { Store } from '../../src/store/store.ts';
import { hostEnvironment } from '../api_under_load.ts';
import { BenchProcess } from '../bench_process.ts';
import type { Arrivals, ReceiverOrder, ReceiverReady } from './receiver.ts';

/** Made up. */
export const SECRET = 'a-made-up-secret-for-the-bench';

/** A receiver in a process of its own. */
export type Receiver = BenchProcess<ReceiverOrder, Arrivals, ReceiverReady>;

export function startReceiver(): Promise<Receiver> {
  return BenchProcess.start(new URL('./receiver.ts', import.meta.url), [SECRET]);
}

/**
 * The worker's record (ledger, store, delivery loop) in a process of its own, with the settings that
 * it has without any, and the store as a command sees it.
 */
export class RecordUnderLoad {
  readonly dataDir: string;
  readonly store: Store;
  readonly #host: BenchProcess;

  private constructor(dataDir: string, store: Store, host: BenchProcess) {
    this.dataDir = dataDir;
    this.store = store;
    this.#host = host;
  }

  /** `webhookUrl`: the endpoint of the environment. (Default: none) */
  static async start(folder: string, { webhookUrl = '' } = {}): Promise<RecordUnderLoad> {
    const environment = await hostEnvironment(folder, {
      SERVER: 'off',
      WEBHOOK_URL: webhookUrl,
      WEBHOOK_SECRET: SECRET,
      ALLOW_NETWORKS: '127.0.0.1',
    });
    const dataDir = String(environment.DATA_DIR);
    const entry = new URL('../api_host.ts', import.meta.url);
    const host = await BenchProcess.start(entry, [], environment);
    try {
      return new RecordUnderLoad(dataDir, await openAdminStore(dataDir), host);
    } catch (error) {
      await host.end();
      throw error;
    }
  }

  get pid(): number {
    return this.#host.pid;
  }

  /** As the API makes one, with a trigger for everything. */
  async makeEndpoint(url: string): Promise<string> {
    const box = createSecretBox(encryptionKeys(this.dataDir, { key: undefined, previous: [] }));
    const id = newId('whe');
    const createdAt = Date.now();
    await this.store.createEndpoint({
      id,
      name: 'bench',
      url,
      ordered: false,
      signatures: ['standard', 'timestamped'],
      status: 'active',
      disabledReason: null,
      secret: box.seal(SECRET),
      previousSecret: null,
      previousUntil: null,
      failingSince: null,
      lastSuccessAt: null,
      createdAt,
    });
    const trigger = { name: 'bench', eventType: '*', endpointId: id, conditions: null, createdAt };
    await this.store.createTrigger({ id: newId('trg'), ...trigger });
    return id;
  }

  /** `kill`: without waiting for the deliveries that are on their way. */
  async stop({ kill = false } = {}): Promise<void> {
    await this.store.close();
    await this.#host.end({ kill });
  }
}
