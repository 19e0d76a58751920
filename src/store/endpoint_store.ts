/**
 * How a delivery to an endpoint made by the API may be signed: the two families that carry a
 * timestamp. `src/events/signatures.ts` knows more families, and makes them.
 */
export type SignatureFamily = 'standard' | 'timestamped';

/** A secret as it is stored: sealed by `src/config/secret_box.ts`, never in the clear. */
export type Sealed = string;

/** A URL of the user's backend that receives events. The endpoint of the environment is not here. */
export interface EndpointRecord {
  /** `whe_…` */
  id: string;
  name: string;
  url: string;
  /** The events of one call strictly by `sequence`; an exhausted one lets the next pass. */
  ordered: boolean;
  signatures: readonly SignatureFamily[];
  /**
   * - `active`   deliveries go out
   * - `paused`   by the user: deliveries wait
   * - `disabled` by us (410, or failing for ENDPOINT_DISABLE_AFTER): deliveries wait; setting the
   *   status to `active` lets them go
   */
  status: 'active' | 'paused' | 'disabled';
  disabledReason: 'gone' | 'failing' | null;
  secret: Sealed;
  /** The one before, while both are signed with. */
  previousSecret: Sealed | null;
  previousUntil: number | null;
  /** When the failures without a success between them began. */
  failingSince: number | null;
  lastSuccessAt: number | null;
  createdAt: number;
}

/** A subscription: which events go to which endpoint. */
export interface TriggerRecord {
  /** `trg_…` */
  id: string;
  name: string;
  /** An event type, or `*` for everything but transcripts. */
  eventType: string;
  endpointId: string;
  /** Field of the event's `data` → accepted values; all fields must match. `null` = no conditions. */
  conditions: Readonly<Record<string, readonly string[]>> | null;
  createdAt: number;
}

/** Claiming, retries and health of deliveries to an endpoint are `JobStore`'s. */
export interface EndpointStore {
  createEndpoint(endpoint: EndpointRecord): Promise<void>;
  getEndpoint(id: string): Promise<EndpointRecord | null>;
  /** Newest first; `before` is the id of the last one of the page before. */
  listEndpoints(query: { limit: number; before?: string }): Promise<EndpointRecord[]>;
  /**
   * `null` when there is none. Setting `status: 'active'` clears the reason and the failure age, and
   * what waited goes on; another `url` clears the failure age too, which was the old one's.
   */
  updateEndpoint(
    id: string,
    patch: Partial<Pick<EndpointRecord, 'name' | 'url' | 'ordered' | 'signatures' | 'status'>>,
  ): Promise<EndpointRecord | null>;
  /**
   * Its triggers go with it; what waits for it is given up without a `delivery.exhausted`: its first
   * 2,000 deliveries at once, the rest, where there are more, by the next claims.
   */
  deleteEndpoint(id: string): Promise<boolean>;
  rotateEndpointSecret(
    id: string,
    next: { secret: Sealed; previousUntil: number },
  ): Promise<EndpointRecord | null>;
  /** For a new ENCRYPTION_KEY: replaces every sealed text for which `replacements` has a new one. */
  resealSecrets(replacements: Readonly<Record<Sealed, Sealed>>): Promise<number>;
  /**
   * A `webhook.test` event that only this endpoint gets. Returns the delivery's id; `null` when there
   * is no such endpoint. To a paused or disabled one it waits like any other delivery.
   */
  testEndpoint(id: string): Promise<string | null>;
  createTrigger(trigger: TriggerRecord): Promise<'created' | 'no_endpoint'>;
  getTrigger(id: string): Promise<TriggerRecord | null>;
  listTriggers(query: {
    limit: number;
    before?: string;
    endpointId?: string;
  }): Promise<TriggerRecord[]>;
  deleteTrigger(id: string): Promise<boolean>;
}

// ---------------------------------------------------------------------------------------------
// API keys

export type ApiScope = 'calls:write' | 'calls:read' | 'webhooks' | 'ingest' | 'admin';

export interface ApiKeyRecord {
  /** `key_…` */
  id: string;
  name: string;
  /** Hex SHA-256 of the key: it has 256 random bits, so a slow hash would add nothing. */
  hash: string;
  scopes: readonly ApiScope[];
  createdAt: number;
  revokedAt: number | null;
}

export interface ApiKeyStore {
  createApiKey(key: ApiKeyRecord): Promise<void>;
  /** Revoked keys are not found. */
  findApiKey(hash: string): Promise<ApiKeyRecord | null>;
  /** Newest first, revoked ones too. */
  listApiKeys(): Promise<ApiKeyRecord[]>;
  /** Whether there was one that had not been revoked yet. */
  revokeApiKey(id: string): Promise<boolean>;
}

// ---------------------------------------------------------------------------------------------
// Retention

export interface RetentionStore {
  /**
   * Deletes what a call holds of persons: bodies of events and jobs, facts, attempts' answers, and
   * on the row contact, numbers, metadata and room (livekit-sip names rooms after the caller). Ids,
   * types, sequences and times stay, so that the record stays whole. What still waits is given up
   * silently, what arrives later is stored redacted, and a replay is refused (`EVENT_REDACTED`).
   * `false` for an unknown call, and for one that has not ended: it goes on writing.
   */
  redactCall(callId: string): Promise<boolean>;
  /**
   * One step of removing what is older than `before`, oldest first: calls that ended, with their
   * events, facts, deliveries and attempts, or the events of no call, with theirs. Whatever has a
   * delivery that still waits stays, and a call with a recording until that has been deleted, which
   * is due from then on. A step ends behind the one with which `rows` are removed, so a
   * long call makes a long step, and the next one goes on from `next`.
   */
  prune(query: PruneQuery): Promise<Pruned>;
}

export interface PruneQuery {
  what: 'calls' | 'events_of_no_call';
  before: number;
  rows: number;
  /** `next` of the step before; `null` for the first. */
  after: PrunePoint | null;
}

export interface PrunePoint {
  time: number;
  id: string;
}

export interface Pruned {
  removed: number;
  /** Old ones that stay: a delivery of theirs waits, or their recording is still stored. */
  kept: number;
  /** `null`: there is nothing more to look at. */
  next: PrunePoint | null;
}
