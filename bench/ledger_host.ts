import { GroupCommit } from '../src/ledger/group_commit.ts';
import { LedgerHost } from '../src/ledger/host.ts';
import { openStore } from '../src/ledger/open_store.ts';
import { socketPath } from '../src/ledger/socket_path.ts';
import { serveBench } from './bench_process.ts';

/** The worker's ledger without the worker: `node ledger_host.ts <DATA_DIR>`, tells when it listens. */
const dataDir = process.argv[2];
if (!dataDir) throw new Error('usage: <DATA_DIR>');

const store = await openStore({ dataDir, defaultEndpoint: null });
const commits = new GroupCommit({ store });
const host = await LedgerHost.listen({
  socketPath: await socketPath(dataDir),
  store,
  commits,
  requests: {},
  onCallLost: () => {},
});
serveBench(
  'listening',
  () => Promise.reject(new Error('takes no orders')),
  async () => {
    await host.close({ deadlineMs: 1_000 });
    await commits.close({ deadlineMs: 1_000 });
    await store.close();
  },
);
