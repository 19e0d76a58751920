import { z } from 'zod';
import { CompletionHandler } from '../src/analysis/completion_handler.ts';
import { Extractor } from '../src/analysis/extract.ts';
import { createMetrics, type Metrics } from '../src/api/metrics.ts';
import { resealSecrets } from '../src/api/reseal_secrets.ts';
import { type LookedAtProfiles, profileRequests } from '../src/call/current_profiles.ts';
import { roomClaimRequests } from '../src/call/room_claim.ts';
import { encryptionKeys } from '../src/config/encryption_key.ts';
import { DEFAULT_EXTRACTION } from '../src/config/extraction_fields.ts';
import { logger } from '../src/config/log.ts';
import type { Profiles } from '../src/config/profiles.ts';
import { createSecretBox, type SecretBox } from '../src/config/secret_box.ts';
import type { Settings } from '../src/config/settings.ts';
import { loadPrices } from '../src/cost/price_table.ts';
import { builtinCrmRequests } from '../src/crm/builtin_requests.ts';
import { CrmWriteHandler } from '../src/crm/crm_write_handler.ts';
import { createCrm, createCrmWriter } from '../src/crm/select_crm.ts';
import { createDefaultEndpoint, DEFAULT_ENDPOINT_ID } from '../src/delivery/default_endpoint.ts';
import { DeliveryLoop } from '../src/delivery/loop.ts';
import { createRetrySchedule } from '../src/delivery/retry_schedule.ts';
import { storedEndpoints } from '../src/delivery/stored_endpoint.ts';
import { WebhookHandler } from '../src/delivery/webhook_handler.ts';
import { EndHookHandler } from '../src/hooks/end_hook.ts';
import { Closer } from '../src/ingest/closer.ts';
import { createIngest, type Ingest } from '../src/ingest/ingest.ts';
import { GroupCommit } from '../src/ledger/group_commit.ts';
import { LedgerHost } from '../src/ledger/host.ts';
import type { RequestHandlers } from '../src/ledger/host_session.ts';
import type { Ledger } from '../src/ledger/ledger.ts';
import { LocalLedger } from '../src/ledger/local_ledger.ts';
import { openStore } from '../src/ledger/open_store.ts';
import { Pruner } from '../src/ledger/pruner.ts';
import { socketPath } from '../src/ledger/socket_path.ts';
import { spoolDir } from '../src/ledger/spool.ts';
import { aliveAtStart, recoverSpools } from '../src/ledger/spool_recovery.ts';
import { Sweeper } from '../src/ledger/sweep.ts';
import { createRecordings, type Recordings } from '../src/recording/recordings.ts';
import type { Append, CallRecord, Store } from '../src/store/store.ts';
import { deleteRoom, type LiveKitApi } from '../src/telephony/livekit_api.ts';
import { type Outbound, startOutbound, type WorkerLoad } from './outbound.ts';

const log = logger('worker');

const HOST_STOP_LIMIT_MS = 2_000;
const COMMIT_STOP_LIMIT_MS = 5_000;
const DELIVERY_STOP_LIMIT_MS = 5_000;

/** Long enough to cost nothing, short enough that a lost answer is asked for again soon. */
const LONG_POLL_MS = 20_000;

/** Longer than the processes of the worker before have to come back; then others are dialled all the same. */
const TIDY_LIMIT_MS = 15_000;

/** Everything durable in the worker's main process: store, ledger, deliveries. */
export interface RunningRecord {
  ledger: Ledger;
  store: Store;
  /** What the secrets of endpoints are sealed with. */
  secrets: SecretBox;
  metrics: Metrics;
  /** Why the ledger cannot be written to; `null` while it can. */
  writeFailure(): unknown;
  outbound: Pick<Outbound, 'accept' | 'end'>;
  recordings: Recordings;
  /** What other platforms tell and ask. */
  ingest: Ingest;
  processExited(pid: number): void;
  /** Ends a call that nobody holds now, and not when its lease runs out. See `Sweeper`. */
  endUnheld(call: Pick<CallRecord, 'id' | 'lease'>): Promise<boolean>;
  /** Tells every call process to say goodbye and end its call. */
  endCalls(): void;
  close(): Promise<void>;
  /** Rejects when the store has died: without it the worker is of no use. */
  readonly lost: Promise<never>;
}

/**
 * Opens the store and brings it up to date before anything new is taken: what dead processes left
 * in their spools first, then the calls that nobody holds any more, then the deliveries.
 */
export async function startRecord(
  settings: Settings,
  parts: {
    livekit: LiveKitApi;
    load: WorkerLoad;
    profiles: LookedAtProfiles;
    /** Where the HTTP API is reached, once it listens. (Default: as the settings say) */
    apiUrl?: () => string;
  },
): Promise<RunningRecord> {
  const { livekit, load, profiles } = parts;
  const { dataDir, defaultEndpoint } = settings;
  const keys = encryptionKeys(dataDir, settings.encryption);
  const secrets = createSecretBox(keys);
  const spools = spoolDir(dataDir);
  const lost = Promise.withResolvers<never>();
  lost.promise.catch(() => undefined);
  const store = await openStore({
    dataDir,
    defaultEndpoint: defaultEndpoint && { perEvent: defaultEndpoint.perEvent },
    endpointDisableAfterMs: settings.delivery.endpointDisableAfterMs,
    ownContacts: settings.crm.adapter === 'builtin',
    prices: await loadPrices(settings.pricesFile),
    onLost: lost.reject,
  });
  const liveCalls = () => load.inboundCalls() + load.outboundCalls().length;
  const metrics = createMetrics({ store, liveCalls });
  const ending = Promise.withResolvers<void>();
  const commits = new GroupCommit({ store });
  const tidied = Promise.withResolvers<void>();
  const outbound = startOutbound(settings, {
    store,
    commits,
    livekit,
    load,
    profiles,
    tidied: tidied.promise,
  });
  const requests = {
    ...requestHandlers(store, ending.promise),
    ...outbound.requests,
    ...profileRequests(profiles),
  };
  const ledger = new LocalLedger({ commits, spoolDir: spools, requests });
  let host: LedgerHost | undefined;
  const sweeper = new Sweeper({
    store,
    ledger,
    spoolDir: spools,
    // Nobody else has this store, so whoever holds a call is connected to this host.
    isHeld: (callId) => host?.isHeld(callId) ?? Promise.resolve(true),
    // Its own requests give up after 5 s, before the sweep does.
    releaseRoom: ({ room }) => deleteRoom(livekit.rooms, room),
    adopt: outbound.adopt,
  });
  const pruner = new Pruner({ store: store.background, retainDays: settings.retainDays });
  const { server } = settings;
  const recordings = await createRecordings({
    place: settings.recordings,
    egress: settings.recordingEngine === 'egress' ? settings.livekit : null,
    dataDir,
    keys,
    store,
    baseUrl: parts.apiUrl ?? (() => server.publicUrl ?? `http://${server.host}:${server.port}`),
  });
  // No order between reports is kept or needed, so one that the store chokes on holds up no other.
  const takeReport = (append: Append) => commits.append(append, append);
  const closer = new Closer({ store: store.background, commit: takeReport, log: logger('ingest') });
  const ingest = createIngest({
    ...settings.ingest,
    commit: takeReport,
    questions: {
      crm: createCrm(settings.crm, ledger),
      agentFor: (called) => profiles.forNumber(called),
      log: logger('ingest'),
    },
    log: logger('ingest'),
  });
  try {
    await recoverSpools(store, spools, { isAlive: aliveAtStart });
    await store.releaseClaims();
    await renewSeals(store, secrets);
    const listening = await LedgerHost.listen({
      socketPath: await socketPath(dataDir),
      store,
      commits,
      requests,
      onCallLost: () => sweeper.sweepSoon(),
    });
    host = listening;
    sweeper.start(listening);
    sweeper.takeLeftBehind();
    void sweeper.tidied(AbortSignal.timeout(TIDY_LIMIT_MS)).then(tidied.resolve);
    const deliveries = startDeliveries(settings, {
      store: store.background,
      secrets,
      metrics,
      profiles,
      outbound,
      recordings,
    });
    closer.start();
    pruner.start();
    recordings.deleter.start();
    return {
      ledger,
      store,
      secrets,
      metrics,
      writeFailure: () => commits.failure,
      processExited: (pid) => listening.processExited(pid),
      endUnheld: (call) => sweeper.endUnheld(call),
      outbound,
      recordings,
      ingest,
      endCalls: () => ending.resolve(),
      lost: lost.promise,
      close: async () => {
        await listening.close({ deadlineMs: HOST_STOP_LIMIT_MS });
        await sweeper.close();
        await closer.close();
        await pruner.close();
        await recordings.deleter.close();
        await deliveries.stop();
        await recordings.handler.close();
        await commits.close({ deadlineMs: COMMIT_STOP_LIMIT_MS });
        await ledger.close();
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

const fromSchema = z.object({ from: z.string().nullable() });

/** What a call process may ask of the worker. */
function requestHandlers(store: Store, ending: Promise<void>): RequestHandlers {
  return {
    ...builtinCrmRequests(store),
    ...roomClaimRequests(store),
    'calls.countLive': (params) => store.countLiveCalls(fromSchema.parse(params).from),
    'calls.awaitShutdown': async (_params, signal) => {
      const pause = AbortSignal.any([signal, AbortSignal.timeout(LONG_POLL_MS)]);
      const over = new Promise<false>((resolve) => {
        pause.addEventListener('abort', () => resolve(false), { once: true });
      });
      return { shutdown: await Promise.race([ending.then(() => true), over]) };
    },
  };
}

/** With a key that is no longer the current one nothing new is sealed; see `ENCRYPTION_KEY`. */
async function renewSeals(store: Store, secrets: SecretBox): Promise<void> {
  const { resealed, unreadable } = await resealSecrets(store, secrets);
  if (resealed > 0) log.info({ resealed }, 'secrets of endpoints were sealed with the current key');
  if (unreadable > 0) {
    log.error(
      { unreadable },
      'secrets of endpoints cannot be decrypted, their deliveries wait: put the key that sealed ' +
        'them into ENCRYPTION_KEY_PREVIOUS, or rotate them',
    );
  }
}

function startDeliveries(
  settings: Settings,
  parts: Pick<RunningRecord, 'store' | 'secrets' | 'metrics'> & {
    profiles: Profiles;
    outbound: Outbound;
    recordings: Recordings;
  },
): { stop(): Promise<void> } {
  const { store, secrets, metrics, profiles, recordings } = parts;
  warnAboutDefaultEndpoint(settings);
  const defaultEndpoint = createDefaultEndpoint(() => settings.defaultEndpoint);
  const madeEndpoint = storedEndpoints({ store, openSecret: secrets.open });
  const webhooks = new WebhookHandler({
    endpoints: (id) => (id === DEFAULT_ENDPOINT_ID ? defaultEndpoint : madeEndpoint(id)),
    allowNetworks: settings.delivery.allowNetworks,
    proxy: settings.delivery.proxy,
  });
  const endHooks = new EndHookHandler({
    store,
    profileOf: (agentId) => profiles.all.find(({ id }) => id === agentId) ?? null,
    secrets: settings,
    allowNetworks: settings.delivery.allowNetworks,
    proxy: settings.delivery.proxy,
  });
  const crmWrites = new CrmWriteHandler(createCrmWriter(settings.crm, store));
  const loop = new DeliveryLoop({
    store,
    handlers: [
      webhooks,
      endHooks,
      crmWrites,
      completions(settings, { store, profiles, recordings }),
      recordings.handler,
      ...parts.outbound.handlers,
    ].map((handler) => metrics.counted(handler)),
    schedule: createRetrySchedule({ steps: settings.delivery.retryScheduleMs }),
    log: logger('delivery'),
  });
  loop.start();
  return {
    stop: async () => {
      await loop.stop({ deadlineMs: DELIVERY_STOP_LIMIT_MS });
      await webhooks.close();
      await endHooks.close();
    },
  };
}

/** What follows a call: extraction, outcome, `call.completed`. */
function completions(
  settings: Settings,
  {
    store,
    profiles,
    recordings,
  }: { store: Store; profiles: Profiles; recordings: Pick<Recordings, 'links'> },
): CompletionHandler {
  const { apiKey, baseUrl, extractionModel } = settings.openai;
  if (apiKey === undefined) log.warn('no OPENAI_API_KEY: nothing is extracted from transcripts');
  const fieldsOf = (agentId: string) => profiles.all.find(({ id }) => id === agentId)?.extraction;
  return new CompletionHandler({
    store,
    recordings: recordings.links,
    extractor:
      apiKey === undefined ? null : new Extractor({ apiKey, baseUrl, model: extractionModel }),
    // An agent that is gone by now, or a caller who gave up before one was chosen.
    fieldsOf: (agentId) => fieldsOf(agentId) ?? DEFAULT_EXTRACTION,
    log: logger('analysis'),
  });
}

function warnAboutDefaultEndpoint({ defaultEndpoint }: Settings): void {
  if (!defaultEndpoint) {
    log.warn('no WEBHOOK_URL: events are kept, and sent nowhere');
  } else if (!defaultEndpoint.secret) {
    log.warn('no WEBHOOK_SECRET: deliveries wait until it is set, for nothing is sent unsigned');
  }
}
