import { z } from 'zod';
import { DELIVERY_OBSTACLES } from '../../store/delivery_store.ts';
import { DELIVERY_KINDS } from '../../store/job_record.ts';
import type { AttemptRecord, DeliveryRecord } from '../../store/store.ts';
import type { ApiApp } from '../api_app.ts';
import { notFound } from '../api_error.ts';
import type { ApiOptions } from '../api_options.ts';
import { NextCursor, pageQuery, readPage } from '../page.ts';
import { refusingRedacted } from '../redacted_replay.ts';
import { ErrorAnswer, IdParams, isoTime, Time } from '../wire.ts';

const STATES = ['waiting', 'done', 'exhausted'] as const;

const Delivery = z
  .object({
    id: z.string(),
    kind: z
      .enum(DELIVERY_KINDS)
      .describe(
        '`crm_write`: a note or an activity on its way to the CRM; `end_hook`: a call’s end on its way to the backend of its agent.',
      ),
    target: z
      .string()
      .describe(
        'The endpoint’s id; `whe_default:…` for a path of the default endpoint, `crm:…`, `hook:…` for an agent’s hooks.',
      ),
    state: z.enum(STATES).describe('`exhausted`: given up after the last retry.'),
    callId: z.string().nullable(),
    eventId: z.string().nullable(),
    eventType: z.string().nullable(),
    attempts: z.number(),
    nextAttemptAt: Time.nullable().describe('`null` where it is settled, or `waitsFor` something.'),
    waitsFor: z
      .enum(DELIVERY_OBSTACLES)
      .nullable()
      .describe(
        'What has to happen before it is tried: its endpoint is set active (PATCH /v1/webhooks/{id}), or the event before it is settled.',
      ),
    lastStatus: z.number().nullable().describe('The HTTP status of the last attempt.'),
    lastError: z
      .string()
      .nullable()
      .describe('A stable code for its failure; docs/webhooks.md has them.'),
    replay: z
      .object({ id: z.string(), state: z.enum(STATES) })
      .nullable()
      .describe('The last delivery of the same event that a replay or a retry has made of it.'),
    createdAt: Time,
  })
  .meta({ id: 'Delivery' });

const Attempt = z.object({
  at: Time,
  durationMs: z.number(),
  status: z.number().nullable(),
  error: z.string().nullable(),
  response: z.string().nullable().describe('The beginning of the answer, 4 KB at most.'),
});
const DeliveryAnswer = z.object({ delivery: Delivery.extend({ log: z.array(Attempt) }) });

export function deliveryRoutes(app: ApiApp, { store }: ApiOptions): void {
  const config = { access: 'webhooks' } as const;
  const tags = ['Deliveries'];

  app.get(
    '/deliveries',
    {
      config,
      schema: {
        operationId: 'listDeliveries',
        summary: 'List deliveries, newest first',
        tags,
        querystring: pageQuery({
          callId: z.string().max(100).optional(),
          endpointId: z.string().max(100).optional(),
          state: z.enum(STATES).optional(),
        }),
        response: {
          200: z.object({ deliveries: z.array(Delivery), nextCursor: NextCursor }),
          default: ErrorAnswer,
        },
      },
    },
    async ({ query }) => {
      const { limit: _, cursor: __, ...filters } = query;
      const { items, nextCursor } = await readPage(query, (page) =>
        store.listDeliveries({ ...page, ...filters } as Parameters<typeof store.listDeliveries>[0]),
      );
      return { deliveries: items.map(shown), nextCursor };
    },
  );

  app.get(
    '/deliveries/:id',
    {
      config,
      schema: {
        operationId: 'getDelivery',
        summary: 'Show a delivery with its attempts',
        tags,
        params: IdParams,
        response: { 200: DeliveryAnswer, default: ErrorAnswer },
      },
    },
    async ({ params }) => await readDelivery(params.id),
  );

  app.post(
    '/deliveries/:id/retry',
    {
      config,
      schema: {
        operationId: 'retryDelivery',
        summary: 'Send a delivery again',
        description:
          'A new delivery of the same event, to the same target. One that is still waiting, or was replayed before, is answered as it is (200).',
        tags,
        params: IdParams,
        response: { 200: DeliveryAnswer, 202: DeliveryAnswer, default: ErrorAnswer },
      },
    },
    async ({ params }, reply) => {
      const [deliveryId] = await refusingRedacted(
        store.replayDeliveries({ deliveryId: params.id }),
      );
      if (deliveryId !== undefined) return reply.code(202).send(await readDelivery(deliveryId));
      return reply.code(200).send(await readDelivery(params.id));
    },
  );

  const readDelivery = async (id: string): Promise<z.infer<typeof DeliveryAnswer>> => {
    const [delivery, attempts] = await Promise.all([store.getDelivery(id), store.listAttempts(id)]);
    if (!delivery) throw notFound('delivery');
    return { delivery: { ...shown(delivery), log: attempts.map(shownAttempt) } };
  };
}

function shown(delivery: DeliveryRecord): z.infer<typeof Delivery> {
  const { nextAt, createdAt, ...rest } = delivery;
  return { ...rest, nextAttemptAt: isoTime(nextAt), createdAt: isoTime(createdAt) };
}

function shownAttempt({ at, ...rest }: AttemptRecord): z.infer<typeof Attempt> {
  return { at: isoTime(at), ...rest };
}
