import { defineAgent, type JobContext, type JobProcess } from '@livekit/agents';
import type { CallRuntime } from '../src/call/call_runtime.ts';
import { readTicket } from '../src/call/call_ticket.ts';
import { currentProfiles } from '../src/call/current_profiles.ts';
import { answerCall } from '../src/call/inbound_call.ts';
import { placeCall } from '../src/call/outbound_call.ts';
import { rehearse } from '../src/call/rehearsal.ts';
import { logger } from '../src/config/log.ts';
import { loadProfiles, type Profiles } from '../src/config/profiles.ts';
import { loadSettings } from '../src/config/settings.ts';
import { newId } from '../src/ids.ts';
import { LedgerClient } from '../src/ledger/client.ts';
import { socketPath } from '../src/ledger/socket_path.ts';
import { spoolDir } from '../src/ledger/spool.ts';
import { routeLibraryLogs } from './library_logs.ts';

/**
 * The process of one call: the worker forks it ahead of time (`prewarm`), LiveKit gives it a room
 * (`entry`), and it exits with the call. The worker has checked settings and profiles already and
 * would not have started with wrong ones.
 */
const log = logger('call');
routeLibraryLogs();

// agents-js lets both pass without a trace: an uncaught exception kills the process silently, an
// unhandled rejection is a debug line. The worker sees the exit and ends the call in the ledger.
process.on('uncaughtException', (error) => {
  log.fatal({ err: error }, 'uncaught exception: the call process dies');
  process.exit(1);
});
process.on('unhandledRejection', (error) => {
  log.error({ err: error }, 'unhandled rejection');
});

let called = false;

// A warm process whose worker has died would wait 15 s for its pings; a call ends itself.
process.once('disconnect', () => {
  if (!called) process.exit(0);
});

/** How long the worker is waited for before the files are read as they are. */
const PROFILES_LIMIT_MS = 5_000;

async function warmProfiles(
  place: Pick<CallRuntime, 'socketPath' | 'spoolDir'>,
  agentsDir: string,
): Promise<Profiles> {
  const ledger = new LedgerClient({ callId: newId('call'), lease: 1, ...place });
  try {
    return await currentProfiles(ledger, null, AbortSignal.timeout(PROFILES_LIMIT_MS));
  } catch (error) {
    log.warn({ err: error }, 'the worker did not say which profiles are in use');
    return await loadProfiles(agentsDir);
  } finally {
    await ledger.close({ deadlineMs: PROFILES_LIMIT_MS });
  }
}

export default defineAgent({
  prewarm: async (proc: JobProcess) => {
    const settings = loadSettings();
    const place = {
      socketPath: await socketPath(settings.dataDir),
      spoolDir: spoolDir(settings.dataDir),
    };
    const profiles = await warmProfiles(place, settings.agentsDir);
    const runtime: CallRuntime = { settings, profiles, ...place };
    await rehearse(runtime);
    proc.userData.runtime = runtime;
    log.info('warm');
  },
  entry: (job: JobContext) => {
    called = true;
    const runtime = job.proc.userData.runtime as CallRuntime;
    const ticket = readTicket(job.job.metadata);
    return ticket ? placeCall(job, runtime, ticket) : answerCall(job, runtime);
  },
});
