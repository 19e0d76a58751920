import type { EventId } from '../ids.ts';
import type { AttemptRecord, DeliveryKind, JobState } from './job_record.ts';

/** Deliveries (and CRM writes), for people who look into them. */
export interface DeliveryStore {
  /** Newest first; `before` is the id of the last one of the page before. */
  listDeliveries(query: {
    limit: number;
    before?: string;
    callId?: string;
    endpointId?: string;
    state?: JobState;
  }): Promise<DeliveryRecord[]>;
  getDelivery(id: string): Promise<DeliveryRecord | null>;
  /**
   * How much waits (100,000 stands for more), that of paused and disabled endpoints too; and since
   * when the oldest does that an active one is to get.
   */
  deliveryBacklog(): Promise<{ waiting: number; oldestAt: number | null }>;
  listAttempts(jobId: string): Promise<AttemptRecord[]>;
  /**
   * New deliveries of the same events, to the same targets. Returns their ids. Redacted ones are
   * left out; where a delivery or a call is named and nothing else is left, it rejects with
   * `EVENT_REDACTED`.
   */
  replayDeliveries(query: {
    deliveryId?: string;
    callId?: string;
    endpointId?: string;
    since?: number;
    onlyFailed?: boolean;
  }): Promise<string[]>;
}

export interface DeliveryRecord {
  id: string;
  kind: DeliveryKind;
  target: string;
  state: JobState;
  callId: string | null;
  eventId: EventId | null;
  eventType: string | null;
  attempts: number;
  /** `null` when settled, and while it waits for something else than its time. */
  nextAt: number | null;
  waitsFor: DeliveryObstacle | null;
  lastStatus: number | null;
  lastError: string | null;
  /** The last delivery that was made of it by replays. */
  replay: { id: string; state: JobState } | null;
  createdAt: number;
}

/**
 * What has to happen before a waiting delivery is tried:
 *
 * - `endpoint_paused`, `endpoint_disabled`: its endpoint is set active
 * - `earlier_event`: its endpoint is ordered, and one before it is settled
 */
export const DELIVERY_OBSTACLES = [
  'endpoint_paused',
  'endpoint_disabled',
  'earlier_event',
] as const;
export type DeliveryObstacle = (typeof DELIVERY_OBSTACLES)[number];
