import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { draftEvent } from '../src/events/catalogue.ts';
import { newId } from '../src/ids.ts';
import { LedgerClient } from '../src/ledger/client.ts';
import { socketPath } from '../src/ledger/socket_path.ts';
import { spoolDir } from '../src/ledger/spool.ts';
import { serveBench } from './bench_process.ts';
import { steadyNow } from './clock.ts';
import { measuredIntent } from './delivery/measured_intent.ts';
import type { Order, Report } from './ledger_load.ts';

/**
 * A call process that does nothing but write: `node ledger_writer.ts <DATA_DIR>`. Without a folder
 * it is the control: the same timer, the same process, nothing written.
 */
const [dataDir] = process.argv.slice(2);

/** Of the histogram: it is part of every delay that it reports. */
const RESOLUTION_MS = 10;

const callId = newId('call');
const ledger = dataDir ? await open(dataDir) : null;
serveBench<Order, Report>('ready', measure);

async function open(folder: string): Promise<LedgerClient> {
  const client = new LedgerClient({
    callId,
    lease: 1,
    socketPath: await socketPath(folder),
    spoolDir: spoolDir(folder),
  });
  const time = Date.now();
  const call = { from: '+15550105099', to: '+15550105001', agentId: 'front-desk', room: callId };
  await client.append({
    callId,
    open: { id: callId, direction: 'inbound', ...call, metadata: {}, time },
    events: [draftEvent('call.started', {}, { time })],
  });
  return client;
}

/** At a fixed rate, whether or not the one before has been acknowledged. */
async function measure({ everyMs, durationMs, event, watchesLoop }: Order): Promise<Report> {
  const report: Report = {
    ids: [],
    appendedAt: [],
    latencies: [],
    spooled: 0,
    failed: 0,
    stallMs: 0,
  };
  const write = async (n: number) => {
    const item = { role: 'caller', text: 'This is measured.', item_id: `item_${n}` } as const;
    const draft = event === 'intent' ? measuredIntent(n) : draftEvent('transcript.final', item);
    report.ids.push(draft.id);
    report.appendedAt.push(steadyNow());
    const appendedAt = performance.now();
    try {
      const where = await ledger?.append({ callId, events: [draft] });
      report.latencies.push(performance.now() - appendedAt);
      if (where === 'spool') report.spooled++;
    } catch {
      report.failed++;
    }
  };
  await sleep(Math.random() * everyMs);
  const loop = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  if (watchesLoop) loop.enable();
  const startedAt = performance.now();
  const writes: Promise<void>[] = [];
  for (let n = 0; n * everyMs < durationMs; n++) {
    const early = startedAt + n * everyMs - performance.now();
    if (early > 0) await sleep(early);
    if (ledger) writes.push(write(n));
  }
  await Promise.all(writes);
  loop.disable();
  if (watchesLoop) report.stallMs = Math.max(0, loop.max / 1e6 - RESOLUTION_MS);
  return report;
}
