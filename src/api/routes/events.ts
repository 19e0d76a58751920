import { z } from 'zod';
import type { ApiApp } from '../api_app.ts';
import type { ApiOptions } from '../api_options.ts';
import { queryOf } from '../query.ts';
import { ShownEvent, shownEvent } from '../shown_event.ts';
import { ErrorAnswer } from '../wire.ts';

/** Events are up to 64 KB each, most of them below 1 KB. */
const MAX_EVENTS = 500;

const After = z
  .string()
  .regex(/^(\d{1,15}|latest)$/, { error: 'must be a position, or latest' })
  .default('0')
  .describe(
    'The position behind which to go on: 0 = from the beginning, `latest` = only what comes from now on.',
  );

/** The feed: every event of every call, for those who would rather fetch than be called. */
export function eventRoutes(app: ApiApp, { store }: ApiOptions): void {
  app.get(
    '/events',
    {
      config: { access: 'calls:read' },
      schema: {
        operationId: 'listEvents',
        summary: 'The events of all calls, oldest first',
        description:
          'Ask again with `after=nextCursor`, at once while a page is full, then as often as you like: nothing is missed and nothing comes twice.',
        tags: ['Events'],
        querystring: queryOf({
          after: After,
          limit: z.coerce.number().int().min(1).max(MAX_EVENTS).default(100),
        }),
        response: {
          200: z.object({
            events: z.array(ShownEvent),
            nextCursor: z
              .string()
              .describe('The `after` of the next request; always there, for more will come.'),
          }),
          default: ErrorAnswer,
        },
      },
    },
    async ({ query: { after, limit } }) => {
      const position = after === 'latest' ? await store.lastPosition() : Number(after);
      const events = await store.eventsAfter(position, limit);
      return {
        events: events.map(shownEvent),
        nextCursor: String(events.at(-1)?.position ?? position),
      };
    },
  );
}
