import { LedgerClient } from '../client.ts';
import { socketPath } from '../socket_path.ts';
import { spoolDir } from '../spool.ts';
import { ending, opening, utterance } from './appends.ts';

/**
 * A call process without a call, to be killed: opens, says what it can, and tells its parent each id
 * once it is durable. `node writer_process.ts <DATA_DIR> <call id> <utterances>`
 */
const [dataDir, callId, count] = process.argv.slice(2);
if (!dataDir || !callId || !count) throw new Error('usage: <DATA_DIR> <call id> <utterances>');

const client = new LedgerClient({
  callId,
  lease: 1,
  socketPath: await socketPath(dataDir),
  spoolDir: spoolDir(dataDir),
});

async function write(append: ReturnType<typeof opening>): Promise<void> {
  await client.append(append);
  process.send?.(append.events[0].id);
}

await write(opening(callId));
for (let i = 0; i < Number(count); i += 4) {
  await Promise.all([0, 1, 2, 3].map((k) => write(utterance(callId, `${i + k}`))));
}
await write(ending(callId));
await client.close({ deadlineMs: 5_000 });
process.disconnect?.();
