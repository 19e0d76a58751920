import { z } from 'zod';
import { DAY_MS } from '../../durations.ts';
import type { CallFigures } from '../../store/analytics_store.ts';
import type { ApiApp } from '../api_app.ts';
import { invalidField } from '../api_error.ts';
import type { ApiOptions } from '../api_options.ts';
import { CallTotals, callTotals } from '../call_totals.ts';
import { queryOf } from '../query.ts';
import { ErrorAnswer, isoTime, Time } from '../wire.ts';

const MAX_DAYS = 366;
const DEFAULT_DAYS = 30;

const Instant = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()])
  .transform((text) => Date.parse(text));

const Query = queryOf({
  from: Instant.optional().describe('A time or a date, ISO 8601. Default: 30 days before `to`.'),
  to: Instant.optional().describe('Not included. Default: now.'),
  by: z.enum(['day', 'agent', 'provider']).optional().describe('What to group by.'),
  direction: z.enum(['inbound', 'outbound']).optional().describe('Default: both.'),
});

const Analytics = z
  .object({
    from: Time,
    to: Time,
    total: CallTotals,
    groups: z
      .array(CallTotals.extend({ key: z.string().describe('A day (UTC), an agent, a provider.') }))
      .describe('Only with `by`. Every day of the time is there, also one without calls.'),
  })
  .meta({ id: 'Analytics' });

/** What calls add up to. */
export function analyticsRoutes(app: ApiApp, { store }: ApiOptions): void {
  app.get(
    '/analytics',
    {
      config: { access: 'calls:read' },
      schema: {
        operationId: 'getAnalytics',
        summary: 'What calls add up to',
        description: `Of the completed calls that were begun in a time of at most ${MAX_DAYS} days; an outbound call is begun when it is accepted. Calls that were removed (RETAIN_DAYS) are not in it.`,
        tags: ['Calls'],
        querystring: Query,
        response: { 200: Analytics, default: ErrorAnswer },
      },
    },
    async ({ query, signal }) => {
      const to = query.to ?? Date.now();
      const from = query.from ?? to - DEFAULT_DAYS * DAY_MS;
      if (from >= to) throw invalidField('from', 'must be before to');
      if (to - from > MAX_DAYS * DAY_MS) {
        throw invalidField('from', `is more than ${MAX_DAYS} days before to`);
      }
      const { by, direction } = query;
      const all: CallFigures[] = [];
      const groups = new Map<string, CallFigures[]>();
      for (const day of daysBetween(from, to)) {
        signal.throwIfAborted();
        // A day at a time: appends of running calls wait for none of them long.
        const figures = await store.callFigures({ ...day, ...(direction && { direction }) });
        all.push(...figures);
        if (by === 'day') groups.set(day.name, figures);
        else if (by) {
          for (const one of figures) {
            const key = by === 'agent' ? one.agentId : one.provider;
            groups.set(key, [...(groups.get(key) ?? []), one]);
          }
        }
      }
      return {
        from: isoTime(from),
        to: isoTime(to),
        total: callTotals(all),
        groups: [...groups].map(([key, figures]) => ({ key, ...callTotals(figures) })),
      };
    },
  );
}

/** The days of UTC, the first and the last as far as they are asked for. */
function* daysBetween(
  from: number,
  to: number,
): Generator<{ name: string; from: number; to: number }> {
  for (let start = from; start < to; ) {
    const end = Math.min(to, (Math.floor(start / DAY_MS) + 1) * DAY_MS);
    yield { name: isoTime(start).slice(0, 10), from: start, to: end };
    start = end;
  }
}
