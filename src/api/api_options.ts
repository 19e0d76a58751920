import type { Logger } from 'pino';
import type { SecretBox } from '../config/secret_box.ts';
import type { AcceptCall } from '../dialling/call_acceptance.ts';
import type { EndCall } from '../dialling/call_end.ts';
import type { Ingest } from '../ingest/ingest.ts';
import type { Recordings } from '../recording/recordings.ts';
import type { AnalyticsStore } from '../store/analytics_store.ts';
import type { ApiKeyStore, EndpointStore, RetentionStore } from '../store/endpoint_store.ts';
import type { CallStore, ContactStore, DeliveryStore, JobStore } from '../store/store.ts';
import type { SuppressionStore } from '../store/suppression_store.ts';
import type { RoomNotice, WebhookReader } from '../telephony/livekit_webhook.ts';
import type { Metrics } from './metrics.ts';
import type { ReadinessCheck } from './readiness.ts';

/** What the API asks of the store. It never appends: only calls write events. */
export type ApiStore = Omit<CallStore, 'countLiveCalls' | 'callsOfRoom' | 'spokenWithSince'> &
  DeliveryStore &
  EndpointStore &
  Pick<ApiKeyStore, 'findApiKey'> &
  Pick<RetentionStore, 'redactCall'> &
  Pick<
    ContactStore,
    'getContact' | 'listContacts' | 'saveContact' | 'updateContact' | 'deleteContact'
  > &
  Omit<SuppressionStore, 'importSuppressions'> &
  Pick<JobStore, 'nextDueAt'> &
  AnalyticsStore;

/** An agent as the API shows it; `Profile` fits. */
export interface ShownAgent {
  id: string;
  name: string;
  /** E.164; none for the default agent. */
  numbers: readonly string[];
  model: string;
  voice: string;
  language: string;
}

/** What the API needs to place calls. */
export interface OutboundCalls {
  /** SIP_CALLER_NUMBER. */
  callerNumber: string | undefined;
  accept: AcceptCall;
}

/** What the API needs of recordings. */
export interface ApiRecordings extends Pick<Recordings, 'isGood' | 'find'> {
  links: Pick<Recordings['links'], 'of'>;
  deleter: Pick<Recordings['deleter'], 'deleteNow'>;
}

export interface ApiOptions {
  store: ApiStore;
  /** `null` where no outbound trunk is configured: then no call is placed. */
  outbound: OutboundCalls | null;
  endCall: EndCall;
  recordings: ApiRecordings;
  /** Seals the secrets of endpoints. */
  secrets: SecretBox;
  /** As their profiles are now. */
  agents: () => readonly ShownAgent[];
  /**
   * Throws where nothing may be sent to this URL: an address inside, plain http outside. Judged
   * again, on the address really dialled, at each delivery.
   */
  checkUrl: (url: URL) => void;
  readiness: readonly ReadinessCheck[];
  /** LiveKit's own webhooks: who reads them, and who is told. */
  livekitWebhooks: { read: WebhookReader; take: (notice: RoomNotice) => void };
  /** What other platforms tell and ask. */
  ingest: Ingest;
  metrics: Metrics;
  log: Logger;
  /** API_KEY: the first key, with every scope. */
  apiKey: string | undefined;
  /** Requests a minute and key, 0 = no limit. */
  writesPerMinute: number;
  readsPerMinute: number;
  /** Whether `/api/v1/public/*` is there. */
  publicApi: boolean;
  metricsOpen: boolean;
  publicUrl: string | undefined;
}
