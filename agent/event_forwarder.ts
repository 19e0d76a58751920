import { Agent, request } from 'undici';
import { USER_AGENT } from '../src/delivery/user_agent.ts';
import { signRequest } from '../src/events/signatures.ts';
import { derivedId } from '../src/ids.ts';
import type { FeedEvent } from './event_feed.ts';

const LIMIT_MS = 15_000;

export interface EventForwarder {
  /** Posts an event as a delivery would, once. Resolves with the status, or what went wrong. */
  forward(event: FeedEvent, signal: AbortSignal): Promise<string>;
  close(): Promise<void>;
}

/** For a receiver under development: the same bytes and headers as a delivery, to any address. */
export function createEventForwarder(url: URL, secret: string): EventForwarder {
  const dispatcher = new Agent({ connections: 1 });
  return {
    forward: async ({ position, ...event }, signal) => {
      const body = JSON.stringify(event);
      try {
        const answer = await request(url, {
          dispatcher,
          method: 'POST',
          signal: AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]),
          headers: {
            'content-type': 'application/json',
            'user-agent': USER_AGENT,
            ...signRequest({
              families: ['standard', 'timestamped', 'plain'],
              secrets: { current: secret },
              eventId: event.id,
              // The same for the same event, so that a receiver can be seen to dedupe.
              deliveryId: derivedId('dlv', Date.parse(event.timestamp), `forward ${position}`),
              timestampInSeconds: Math.floor(Date.now() / 1_000),
              body,
            }),
          },
          body,
        });
        await answer.body.dump();
        return String(answer.statusCode);
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        return typeof code === 'string' ? code : 'no answer';
      }
    },
    close: () => dispatcher.close(),
  };
}
