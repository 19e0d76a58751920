import { fileURLToPath } from 'node:url';
import { AgentServer, InferenceRunner, initializeLogger, ServerOptions } from '@livekit/agents';
import { TwirpError } from 'livekit-server-sdk';
import { Admission } from '../src/call/admission.ts';
import { readTicket } from '../src/call/call_ticket.ts';
import { Watchdog } from '../src/call/watchdog.ts';
import { LiveProfiles } from '../src/config/live_profiles.ts';
import { logger } from '../src/config/log.ts';
import type { Settings } from '../src/config/settings.ts';
import { CallwireError } from '../src/errors.ts';
import { checkHookSecrets } from '../src/hooks/hook_secret.ts';
import { type LiveKitApi, livekitApi } from '../src/telephony/livekit_api.ts';
import { LIVEKIT_WEBHOOK_PATH } from '../src/telephony/webhook_address.ts';
import { onChildExit } from './child_exits.ts';
import { startHttpApi } from './http_api.ts';
import { libraryLevel, routeLibraryLogs } from './library_logs.ts';
import { startRecord } from './record.ts';
import { watchWaitingJobs } from './waiting_jobs.ts';
import { replaceDeadWarmProcesses } from './warm_process.ts';

const log = logger('worker');

/** Reconnecting to LiveKit is never given up: running calls would die with the worker. */
const RECONNECT_FOREVER = Number.POSITIVE_INFINITY;

/** Loading a call's modules takes 1 to 3 s; on a machine that is busy with calls, longer. */
const INITIALIZE_LIMIT_MS = 60_000;

const JOB_MEMORY_WARN_MB = 700;
const JOB_MEMORY_LIMIT_MB = 1_000;

/** For the goodbyes at the end of a drain: the speech, the hang-up, the last append. */
const GOODBYE_LIMIT_MS = 20_000;

/**
 * A running worker.
 *
 * ```
 * running ── stop() ──► draining ── no calls left, DRAIN_SECONDS over, or stop() again ──► goodbye
 *            no new calls, 486 at once                          every call says goodbye and ends
 *                                                                        └──► closed
 * ```
 */
export interface RunningWorker {
  /** Begins the drain; a second call ends it at once. Resolves when everything is closed. */
  stop(): Promise<void>;
  /** Rejects when the worker cannot go on. */
  readonly failed: Promise<never>;
}

/** Starts the worker and resolves when LiveKit has registered it. */
export async function startWorker(settings: Settings): Promise<RunningWorker> {
  const profiles = await LiveProfiles.load({
    dir: settings.agentsDir,
    log,
    check: ({ all }) => checkHookSecrets(all, settings),
  });
  checkModel(settings);
  const livekit = livekitApi(settings.livekit);
  await checkLiveKit(livekit, settings.livekit.url);
  const registration = Promise.withResolvers<void>();
  const waiting = await watchWaitingJobs((job) => admission.jobOver(job));
  /** Those that have a process, and those that wait for one. */
  const jobs = () => {
    const running = server.activeJobs.map(({ job }) => job);
    const ids = new Set(running.map(({ id }) => id));
    return [...running, ...waiting().filter(({ id }) => !ids.has(id))];
  };
  const tickets = () => jobs().map(({ metadata }) => readTicket(metadata));
  const { host, port, publicUrl } = settings.server;
  let apiUrl = publicUrl ?? `http://${host}:${port}`;
  const record = await startRecord(settings, {
    livekit,
    profiles,
    apiUrl: () => apiUrl,
    load: {
      registered: registration.promise,
      inboundCalls: () => tickets().filter((ticket) => ticket === null).length,
      outboundCalls: () => tickets().flatMap((ticket) => ticket?.call ?? []),
      isOver: (job) => admission.isOver(job),
    },
  });
  onChildExit((pid, job) => {
    record.processExited(pid);
    if (job !== null) admission.jobOver(job);
  });

  const { max } = settings.calls;
  await replaceDeadWarmProcesses();
  const server = createServer(settings, () => admission);
  const running = () => jobs().map(({ id }) => id);
  const admission = new Admission({
    maxCalls: max,
    runningJobs: running,
    livekit,
    ledger: record.ledger,
    agentFor: (to) => profiles.forNumber(to)?.id,
    vacated: (room, job) => watchdog.vacated(room, job),
    log,
  });

  const watchdog = new Watchdog({
    livekit,
    agentName: settings.livekit.agentName,
    numbers: () => [...settings.sip.numbers, ...profiles.all.flatMap(({ numbers }) => numbers)],
    store: record.store,
    admission,
    endUnheld: (call) => record.endUnheld(call),
    webhookUrl: () => api && `${settings.server.publicUrl ?? api.url}${LIVEKIT_WEBHOOK_PATH}`,
    log: logger('watchdog'),
  });

  // Before LiveKit knows of us: a port that is taken ends a start that no call has seen.
  const api = await startHttpApi(settings, {
    record,
    profiles,
    livekit,
    takeNotice: (notice) => watchdog.take(notice),
  }).catch(async (error) => {
    await record.close();
    throw error;
  });

  apiUrl = publicUrl ?? api?.url ?? apiUrl;

  server.event.on('worker_registered', () => void watchdog.lookAround());
  server.event.once('worker_registered', () => registration.resolve());
  const never = new Promise<never>(() => undefined);
  const failed = Promise.race([server.run().then(() => never), record.lost]);
  failed.catch(() => undefined);
  try {
    await Promise.race([registration.promise, failed]);
  } catch (error) {
    await api?.close();
    await watchdog.close();
    await record.close();
    throw error;
  }
  log.info({ agents: profiles.all.map(({ id }) => id), slots: max }, 'registered');

  // Calls look by themselves; this is for whoever has broken a file, and for the API.
  const looking = setInterval(() => void profiles.refresh(), PROFILES_EVERY_MS).unref();

  const hurry = Promise.withResolvers<void>();
  let stopping: Promise<void> | undefined;
  const drain = async () => {
    clearInterval(looking);
    admission.close();
    const calls = running().length;
    log.info({ calls, drain_seconds: settings.calls.drainSeconds }, 'draining');
    await Promise.race([
      until(() => running().length === 0),
      sleep(settings.calls.drainSeconds * 1_000),
      hurry.promise,
    ]);
    record.endCalls();
    await Promise.race([until(() => running().length === 0), sleep(GOODBYE_LIMIT_MS)]);
    await server.close();
    await api?.close();
    await watchdog.close();
    await record.close();
    log.info('stopped');
  };
  return {
    failed,
    stop() {
      if (stopping) hurry.resolve();
      stopping ??= drain();
      return stopping;
    },
  };
}

function createServer(settings: Settings, admission: () => Admission): AgentServer {
  // agents-js starts an inference process of 334 MB for a turn detector that a Realtime model does
  // not use; there is no option for it (1.9.0).
  InferenceRunner.registerRunner = () => undefined;
  const level = libraryLevel(settings.logLevel);
  routeLibraryLogs();
  // For the call processes: agents-js hands on what was asked for here.
  initializeLogger({ pretty: false, level });
  return new AgentServer(
    new ServerOptions({
      agent: fileURLToPath(new URL('./call.ts', import.meta.url)),
      agentName: settings.livekit.agentName,
      wsURL: settings.livekit.url,
      apiKey: settings.livekit.apiKey,
      apiSecret: settings.livekit.apiSecret,
      // Free of its `production: true` only for the health port: 0, any free one, is 8081 there.
      production: false,
      host: '127.0.0.1',
      port: settings.workerPort,
      loadFunc: () => Promise.resolve(admission().load()),
      loadThreshold: LOAD_THRESHOLD,
      requestFunc: (job) => admission().request(job),
      numIdleProcesses: IDLE_PROCESSES,
      initializeProcessTimeout: INITIALIZE_LIMIT_MS,
      jobMemoryWarnMB: JOB_MEMORY_WARN_MB,
      jobMemoryLimitMB: JOB_MEMORY_LIMIT_MB,
      maxRetry: RECONNECT_FOREVER,
      logLevel: level,
    }),
  );
}

/** How soon a changed profile is seen while nobody calls. */
const PROFILES_EVERY_MS = 2_000;

const LOAD_THRESHOLD = 0.99;

/** One warm process answers 2 to 3 s sooner than a cold one, and costs 150 MB. */
const IDLE_PROCESSES = 1;

function checkModel(settings: Settings): void {
  if (settings.openai.apiKey) return;
  throw new CallwireError('CONFIG_INVALID', 'OPENAI_API_KEY is missing.', {
    remedy:
      'Set OPENAI_API_KEY in .env. To try Callwire without a key, run `npm run demo`; ' +
      'for a server of your own that speaks the Realtime protocol, set OPENAI_BASE_URL as well.',
  });
}

/** Tells a wrong key or a missing server at the start, where agents-js would only retry. */
async function checkLiveKit(livekit: LiveKitApi, url: string): Promise<void> {
  try {
    await livekit.rooms.listRooms(['callwire-start-up-check']);
  } catch (error) {
    if (error instanceof TwirpError && (error.status === 401 || error.status === 403)) {
      throw new CallwireError('LIVEKIT_UNAUTHORIZED', `LiveKit at ${url} refuses the API key.`, {
        remedy: 'Check LIVEKIT_API_KEY and LIVEKIT_API_SECRET: they belong to one project.',
      });
    }
    throw new CallwireError('LIVEKIT_UNREACHABLE', `LiveKit cannot be reached at ${url}.`, {
      retryable: true,
      remedy: 'Start the local stack with `npm run stack`, or set LIVEKIT_URL.',
      cause: error,
    });
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(50);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
