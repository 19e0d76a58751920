import { Agent } from 'undici';
import { isForEverybody } from '../src/events/composer.ts';
import { signRequest } from '../src/events/signatures.ts';
import { derivedId } from '../src/ids.ts';
import type { FeedEvent } from './event_feed.ts';
import { signedPost } from './signed_post.ts';

export interface EventForwarder {
  /**
   * Posts an event as a delivery would, once. Resolves with the status, or with what went wrong;
   * with `null` for an event that the default endpoint does not get.
   */
  forward(event: FeedEvent, signal: AbortSignal): Promise<string | null>;
  close(): Promise<void>;
}

/** For a receiver under development: the same bytes and headers as a delivery, to any address. */
export function createEventForwarder(
  url: URL,
  secret: string,
  { transcripts }: { transcripts: boolean },
): EventForwarder {
  const dispatcher = new Agent({ connections: 1 });
  return {
    forward: async ({ position, ...event }, signal) => {
      if (!isDelivered(event, transcripts)) return null;
      const body = JSON.stringify(event);
      const { status, error } = await signedPost({
        url,
        dispatcher,
        signal,
        body,
        headers: signRequest({
          families: ['standard', 'timestamped', 'plain'],
          secrets: { current: secret },
          eventId: event.id,
          // The same for the same event, so that a receiver can be seen to dedupe.
          deliveryId: derivedId('dlv', Date.parse(event.timestamp), `forward ${position}`),
          timestampInSeconds: Math.floor(Date.now() / 1_000),
          body,
        }),
      });
      return status === null ? error : String(status);
    },
    close: () => dispatcher.close(),
  };
}

/**
 * The feed has more than any endpoint gets: what was redacted is never sent, and transcripts, which
 * have to be named, would surprise a receiver that was tried out with them.
 */
function isDelivered({ event: type, data }: Partial<FeedEvent>, transcripts: boolean): boolean {
  const isRedacted = (data as { redacted?: unknown } | undefined)?.redacted === true;
  return !isRedacted && (transcripts || isForEverybody(type ?? ''));
}
