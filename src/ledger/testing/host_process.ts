import { GroupCommit } from '../group_commit.ts';
import { LedgerHost } from '../host.ts';
import { openStore } from '../open_store.ts';
import { socketPath } from '../socket_path.ts';
import { spoolDir } from '../spool.ts';
import { aliveAtStart, recoverSpools } from '../spool_recovery.ts';

/** A worker without LiveKit, to be killed. `node host_process.ts <DATA_DIR>`; tells when it listens. */
const dataDir = process.argv[2];
if (!dataDir) throw new Error('usage: <DATA_DIR>');

const store = await openStore({ dataDir, defaultEndpoint: null });
await recoverSpools(store, spoolDir(dataDir), { isAlive: aliveAtStart });
await LedgerHost.listen({
  socketPath: await socketPath(dataDir),
  store,
  commits: new GroupCommit({ store }),
  requests: {},
  onCallLost: () => {},
});
process.send?.('listening');
