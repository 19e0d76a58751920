import { setTimeout as sleep } from 'node:timers/promises';
import type { CallwireError } from '../src/errors.ts';

/** An event of the feed: the delivered body, and its position. */
export interface FeedEvent {
  id: string;
  event: string;
  call_id: string | null;
  sequence: number | null;
  timestamp: string;
  position: number;
  [field: string]: unknown;
}

export type FeedPage =
  | { events: readonly FeedEvent[]; next: string }
  /** Nothing came, and waiting may mend it: `reason` in a few words, `error` for a feed that never began. */
  | { reason: string; error?: CallwireError; retryAfterMs?: number | undefined };

/** Where events are read from. Rejects with a `CallwireError` for what no waiting mends. */
export interface EventSource {
  /** For people. */
  readonly name: string;
  /** The events behind a position, or behind `latest`, oldest first. */
  page(after: string, limit: number, signal: AbortSignal): Promise<FeedPage>;
  close(): Promise<void>;
}

export interface EventFeedOptions {
  source: EventSource;
  /** A position, or `latest`. */
  after: string;
  signal: AbortSignal;
  /** An outage begins, in a line; the feed goes on by itself. */
  onTrouble?: (reason: string) => void;
  /** How long to wait after a page that was not full (Default: 1 s) */
  pollMs?: number;
}

const PAGE = 100;
const RETRY_MS = 3_000;

/**
 * Every event from a position on until the signal aborts. Once the first page was there, outages
 * are waited out.
 */
export async function* eventFeed(options: EventFeedOptions): AsyncGenerator<FeedEvent> {
  const { source, signal, pollMs = 1_000, onTrouble = () => {} } = options;
  let { after } = options;
  let reached = false;
  let troubled = false;
  while (!signal.aborted) {
    const page = await source.page(after, PAGE, signal);
    if ('events' in page) {
      reached = true;
      troubled = false;
      yield* page.events;
      after = page.next;
      if (page.events.length < PAGE) await pause(pollMs, signal);
    } else if (!signal.aborted) {
      if (!reached && page.error) throw page.error;
      if (!troubled) onTrouble(page.reason);
      troubled = true;
      await pause(page.retryAfterMs ?? RETRY_MS, signal);
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
