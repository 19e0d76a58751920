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
   * How much waits (100,000 stands for more), and since when its oldest does; those of paused
   * endpoints count.
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
  /** `null` when settled, and while an earlier event of the call has to go first. */
  nextAt: number | null;
  lastStatus: number | null;
  lastError: string | null;
  createdAt: number;
}
