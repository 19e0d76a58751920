import { z } from 'zod';
import type { StoredEvent } from '../store/store.ts';

/** An event as it was delivered, and its place in the feed. */
export const ShownEvent = z
  .looseObject({
    id: z.string(),
    event: z.string(),
    call_id: z.string().nullable(),
    sequence: z
      .number()
      .nullable()
      .describe('Numbers the events of the call; `null` for transcripts and events of no call.'),
    timestamp: z.string(),
    data: z.record(z.string(), z.unknown()),
    position: z.number().describe('Its place among all events: not part of the delivered body.'),
  })
  .meta({ id: 'Event', description: 'The delivered body, with `position` behind it.' });

/**
 * The stored body with the position as its last key: without it, `JSON.stringify` gives the very
 * bytes that were signed, because that is how they were made.
 */
export function shownEvent({ position, body }: StoredEvent): z.infer<typeof ShownEvent> {
  return { ...JSON.parse(body), position };
}
